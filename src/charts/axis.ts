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
export const linePath = (points: readonly (readonly [x: number, y: number] | null)[]): string =>
  points
    .map((point, i) => {
      const pen = (points[i - 1] ?? null) === null ? 'M' : 'L';
      return point === null ? '' : `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    })
    .join('');

/** An axis of a chart: the values at its ends, linear or logarithmic. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly isLog: boolean;
}

/** Maps the values of an axis to [start, end]. A logarithmic axis maps 0 and below to null. */
export function axisScale({ from, to, isLog }: Axis, start: number, end: number): (value: number) => number | null {
  if (!isLog) return linearScale(from, to, start, end);
  const scale = linearScale(Math.log10(from), Math.log10(to), start, end);
  return (value) => (value > 0 ? scale(Math.log10(value)) : null);
}

/** About `count` round values within the ends of an axis. */
export function axisTicks({ from, to, isLog }: Axis, count: number): number[] {
  if (!(to > from)) return [from];
  return isLog ? logTicks(from, to, count) : linearTicks(from, to, count);
}

/** The distance of round values, so that about `count` lie within a span. */
export function linearStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}

function linearTicks(from: number, to: number, count: number): number[] {
  const step = linearStep(to - from, count);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** 1, 2 and 5 times powers of ten, or only the powers if those would be too many. */
function logTicks(from: number, to: number, count: number): number[] {
  const powers: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) powers.push(power);
  const within = (value: number): boolean => value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9);
  const fine = powers.flatMap((power) => [1, 2, 5].map((factor) => Number(`${factor}e${power}`))).filter(within);
  if (fine.length <= 1.5 * count) return fine;
  return powers.map((power) => Number(`1e${power}`)).filter(within);
}

/** An axis over all values, widened so that none lies on the frame; 0 to 1 if there are none. */
export function axisOver(values: Iterable<number | null>, isLog: boolean, room = 0.04): Axis {
  let from = Infinity;
  let to = -Infinity;
  for (const value of values) {
    if (value === null || (isLog && value <= 0)) continue;
    from = Math.min(from, value);
    to = Math.max(to, value);
  }
  if (from > to) return { from: isLog ? 0.1 : 0, to: 1, isLog };
  if (isLog) {
    const factor = Math.max((to / from) ** room, 1.02);
    return { from: from / factor, to: to * factor, isLog };
  }
  const margin = to === from ? Math.abs(to) * 0.1 || 0.5 : (to - from) * room;
  return { from: from - margin, to: to + margin, isLog };
}
