import { type Random, seededRandom } from '../../base/random.ts';
import { deviation, mean, studentHalfWidth, studentShare } from '../../base/statistics.ts';

/** A mean with the ends of its 95 % interval, which are null for a single value. */
export interface Interval {
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Number of values. */
  readonly count: number;
}

/** Student's 95 % interval of a mean. */
export function studentInterval(values: readonly number[]): Interval {
  const centre = mean(values);
  if (values.length < 2) return { mean: centre, low: null, high: null, count: values.length };
  const half = studentHalfWidth(values);
  return { mean: centre, low: centre - half, high: centre + half, count: values.length };
}

/** Two-sided p of a mean of 0 by Student's t test; null for a single value. */
export function studentP(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const spread = deviation(values);
  if (spread === 0) return mean(values) === 0 ? 1 : 0;
  return 1 - studentShare(mean(values) / (spread / Math.sqrt(values.length)), values.length - 1);
}

/**
 * Two-sided p of as many positive as negative values: the sign test, which assumes no distribution. Zeros are left out.
 */
export function signP(values: readonly number[]): number {
  const [above, below] = [values.filter((x) => x > 0).length, values.filter((x) => x < 0).length];
  const count = above + below;
  let [tail, ways] = [0, 1]; // ways = count over k
  for (let k = 0; k <= Math.min(above, below); k++) {
    tail += ways;
    ways = (ways * (count - k)) / (k + 1);
  }
  return Math.min(1, (2 * tail) / 2 ** count);
}

/** A paired difference of two methods, by seed and order of tasks. */
export interface Difference {
  readonly seed: number;
  readonly order: number;
  readonly value: number;
}

/**
 * The mean difference with two 95 % intervals. Runs of one seed over several orders are not independent: `overSeeds`
 * takes the mean over orders within a seed and Student's interval over seeds, `bootstrap` resamples seeds and orders
 * 10,000 times, leaving differences paired. If they disagree, trust the wider one.
 */
interface PairedComparison {
  readonly overSeeds: Interval;
  readonly bootstrap: Interval;
  readonly p: number | null;
  readonly signP: number;
  readonly pairs: number;
}

const DRAWS = 10_000;

/** @param differences at least one. */
export function comparePaired(differences: readonly Difference[]): PairedComparison {
  const bySeed = seedMeans(differences);
  const overSeeds = studentInterval(bySeed);
  const bootstrap = bootstrapped(differences, seededRandom(1));
  return {
    overSeeds,
    bootstrap,
    p: studentP(bySeed),
    signP: signP(bySeed),
    pairs: differences.length,
  };
}

/** The mean difference of each seed, over its orders. */
export const seedMeans = (differences: readonly Difference[]): number[] => means(differences, ({ seed }) => seed);

/** Means of the differences that share a key, in order of first appearance. */
function means(differences: readonly Difference[], keyOf: (one: Difference) => number): number[] {
  const keys = [...new Set(differences.map(keyOf))];
  return keys.map((key) => mean(differences.filter((one) => keyOf(one) === key).map(({ value }) => value)));
}

function bootstrapped(differences: readonly Difference[], random: Random): Interval {
  const centre = mean(seedMeans(differences));
  const seeds = [...new Set(differences.map(({ seed }) => seed))];
  const orders = [...new Set(differences.map(({ order }) => order))];
  if (seeds.length < 2) return { mean: centre, low: null, high: null, count: seeds.length };
  const at = new Map(differences.map(({ seed, order, value }) => [`${seed} ${order}`, value]));
  const drawn = (from: readonly number[]): number[] => from.map(() => from[random.below(from.length)]);
  const found: number[] = [];
  for (let draw = 0; draw < DRAWS; draw++) {
    const drawnOrders = drawn(orders);
    const ofSeeds = drawn(seeds).flatMap((seed) => {
      const values = drawnOrders.flatMap((order) => at.get(`${seed} ${order}`) ?? []);
      return values.length > 0 ? [mean(values)] : [];
    });
    if (ofSeeds.length > 0) found.push(mean(ofSeeds));
  }
  found.sort((a, b) => a - b);
  const quantile = (share: number): number => found[Math.round(share * (found.length - 1))];
  return { mean: centre, low: quantile(0.025), high: quantile(0.975), count: seeds.length };
}

/**
 * Holm's correction of several tests of one claim: each p, in ascending order, times the number left, and never below
 * the one before it.
 */
export function holm(ps: readonly (number | null)[]): (number | null)[] {
  const known = [...ps.keys()].filter((i) => ps[i] !== null).sort((a, b) => (ps[a] as number) - (ps[b] as number));
  const corrected = ps.slice();
  let least = 0;
  known.forEach((i, rank) => {
    least = Math.min(1, Math.max(least, (known.length - rank) * (ps[i] as number)));
    corrected[i] = least;
  });
  return corrected;
}

/** Slope of values over 1, 2, 3, … by least squares. */
export function slope(values: readonly number[]): number {
  const centre = (values.length + 1) / 2;
  const above = values.reduce((sum, value, i) => sum + (i + 1 - centre) * value, 0);
  return above / values.reduce((sum, _, i) => sum + (i + 1 - centre) ** 2, 0);
}
