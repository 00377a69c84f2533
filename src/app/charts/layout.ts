/** Pure geometry of the hand-drawn charts: scales, label placement, paths, intervals. Lengths in CSS pixels. */

/** Approximate width of a letter, in CSS pixels: a drawing cannot measure its text before it is drawn. */
export const LETTER = 6.8;

/** Maps [from, to] to [start, end] linearly; an empty range maps to the middle. */
export function linearScale(from: number, to: number, start: number, end: number): (value: number) => number {
  if (from === to) return () => (start + end) / 2;
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/**
 * Moves labels apart as little as possible so that none overlap, preserving their order.
 *
 * @param wanted centre of each label, in any order.
 * @param gap smallest distance between two centres.
 * @param low @param high limits of the centres; labels that cannot all fit are spread evenly between them.
 * @returns centres in the order of `wanted`.
 */
export function spreadLabels(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const count = order.length;
  const step = count > 1 ? Math.min(gap, (high - low) / (count - 1)) : 0;
  const placed: number[] = [];
  // A pass from the top keeps the distance to the label above; a pass from the bottom, to the label below.
  for (const index of order) placed.push(Math.max(wanted[index] ?? low, (placed.at(-1) ?? low - step) + step, low));
  for (let i = count - 1; i >= 0; i--) {
    const limit = high - (count - 1 - i) * step;
    const below = placed[i + 1];
    placed[i] = Math.min(placed[i] ?? low, limit, below === undefined ? Infinity : below - step);
  }
  const centres = new Array<number>(count).fill(low);
  order.forEach((index, i) => (centres[index] = placed[i] ?? low));
  return centres;
}

/** SVG path through points; null starts a new piece. */
export function linePath(points: readonly (readonly [x: number, y: number] | null)[]): string {
  let pen = 'M';
  let path = '';
  for (const point of points) {
    if (point === null) {
      pen = 'M';
      continue;
    }
    path += `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    pen = 'L';
  }
  return path;
}
