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

/** Two tests of the same examples: how many answers turned wrong from the first to the second, and how many right. */
export interface Turned {
  readonly wrong: number;
  readonly right: number;
}

/** McNemar's exact test, two-sided: the probability that as many answers turn one way more than the other by chance. */
export function mcnemarP({ wrong, right }: Turned): number {
  const [all, fewer] = [wrong + right, Math.min(wrong, right)];
  // In logarithms, since 2^-all may be less than the least number.
  let [term, sum] = [-all * Math.LN2, 0];
  for (let k = 0; k <= fewer; k++) {
    sum += Math.exp(term);
    term += Math.log((all - k) / (k + 1));
  }
  return Math.min(1, 2 * sum);
}

/**
 * The 95 % interval of a difference of proportions of the same examples, after − before, by Newcombe's method 10 for
 * paired data ("Improved confidence intervals for the difference between binomial proportions based on paired data",
 * 1998): {@link changeInterval} with the correlation of both tests.
 */
export function pairedInterval(before: Proportion, { wrong, right }: Turned): [low: number, high: number] {
  const { count } = before;
  const [b, c] = [wrong, right];
  const a = Math.round(before.share * count) - b; // right in both
  const d = count - a - b - c;
  const after = (a + c) / count;
  const sides = Math.sqrt((a + b) * (c + d) * (a + c) * (b + d));
  const correlation = sides === 0 ? 0 : (a * d - b * c) / sides;
  const [lowBefore, highBefore] = wilsonInterval(before.share, count);
  const [lowAfter, highAfter] = wilsonInterval(after, count);
  const half = (x: number, y: number): number => Math.sqrt(Math.max(0, x * x - 2 * correlation * x * y + y * y));
  const change = after - before.share;
  return [
    change - half(after - lowAfter, highBefore - before.share),
    change + half(before.share - lowBefore, highAfter - after),
  ];
}

/** The fewest answers that must turn wrong, and none right, before that cannot be chance at 5 %. */
export const LEAST_TURNED = 6;

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
