/** The 97.5 % quantile of the normal distribution: intervals here are of 95 %. */
const Z = 1.959964;

/**
 * Wilson's 95 % interval of a proportion.
 *
 * @param share measured fraction.
 * @param count number of examples it was measured on, at least 1.
 */
export function wilsonInterval(share: number, count: number): [low: number, high: number] {
  const scale = 1 + (Z * Z) / count;
  const centre = (share + (Z * Z) / (2 * count)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / count + (Z * Z) / (4 * count * count));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** A share that was measured on `count` examples, at least 1. */
export interface Proportion {
  readonly share: number;
  readonly count: number;
}

/**
 * The 95 % interval of a difference of proportions, after − before, by Newcombe's method 10 ("Interval estimation for
 * the difference between independent proportions", 1998): it combines the Wilson intervals of both. Two tests on the
 * same examples usually agree on most of them, and then the interval is wider than it needs to be.
 */
export function changeInterval(before: Proportion, after: Proportion): [low: number, high: number] {
  const [lowBefore, highBefore] = wilsonInterval(before.share, before.count);
  const [lowAfter, highAfter] = wilsonInterval(after.share, after.count);
  const change = after.share - before.share;
  return [
    change - Math.hypot(after.share - lowAfter, highBefore - before.share),
    change + Math.hypot(highAfter - after.share, before.share - lowBefore),
  ];
}

/**
 * The smallest fall from a proportion whose interval excludes 0, as a fraction.
 *
 * @returns null if even a fall to 0 could be chance.
 */
export function smallestFall({ share, count }: Proportion): number | null {
  const right = Math.round(share * count);
  for (let fewer = 1; fewer <= right; fewer++) {
    const fallen = { share: (right - fewer) / count, count };
    if (changeInterval({ share: right / count, count }, fallen)[1] < 0) return fewer / count;
  }
  return null;
}
