export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Standard deviation (n − 1); NaN for fewer than two values. */
export function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - centre) ** 2, 0) / (values.length - 1));
}

/**
 * Share of Student's t distribution within ±t. With t = √ν tan θ its density is cosᵛ⁻¹ θ, up to a factor: the share is
 * its integral from 0 to θ over the one to π/2.
 */
export function studentShare(t: number, freedom: number): number {
  const total = cosineIntegral(Math.PI / 2, freedom - 1);
  return cosineIntegral(Math.atan(Math.abs(t) / Math.sqrt(freedom)), freedom - 1) / total;
}

const quantiles = new Map<number, number>();

/** The t for which {@link studentShare} is 0.95. */
export function studentQuantile(freedom: number): number {
  const known = quantiles.get(freedom) ?? findQuantile(freedom);
  quantiles.set(freedom, known);
  return known;
}

function findQuantile(freedom: number): number {
  let [low, high] = [0, Math.PI / 2];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentShare(Math.sqrt(freedom) * Math.tan(middle), freedom) < 0.95) low = middle;
    else high = middle;
  }
  return Math.sqrt(freedom) * Math.tan(low);
}

/** ∫ cosᵖ from 0 to `to`, by Simpson's rule. */
function cosineIntegral(to: number, power: number): number {
  const parts = 2000;
  let sum = 0;
  for (let i = 0; i <= parts; i++) {
    const weight = i === 0 || i === parts ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.cos((to * i) / parts) ** power;
  }
  return (sum * to) / (3 * parts);
}

/** Half the width of Student's 95 % interval of a mean; NaN for fewer than two values. */
export const studentHalfWidth = (values: readonly number[]): number =>
  (studentQuantile(values.length - 1) * deviation(values)) / Math.sqrt(values.length);

/** A number of a report in five digits, which take a third of the place of all. */
export const inDigits = (value: number): number => Number(value.toPrecision(5));

/** The items by their keys, in the order of the first of each: `Map.groupBy`, which Node 20 lacks. */
export function groupedBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Consecutive parts of a list, of `size` items but for a shorter last one; none of an empty list. @param size at least 1. */
export const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));

/** Consecutive parts of at most `size` items: as few and as equally long as possible. @param size at least 1. */
export const evenChunks = <T>(items: readonly T[], size: number): T[][] =>
  chunks(items, Math.max(1, Math.ceil(items.length / Math.max(1, Math.ceil(items.length / size)))));

/**
 * Exponential moving average with Adam's bias correction, so that it begins at the first value and leaves a constant
 * unchanged. It restarts with every round, because the losses of different tasks are unrelated.
 *
 * @param weight weight of the past at each step, in [0, 1); 0 returns the values.
 * @returns null where the value is null; the average continues after a gap.
 */
export function smoothed(
  values: readonly (number | null)[],
  rounds: readonly number[],
  weight: number,
): (number | null)[] {
  let average = 0;
  let correction = 0;
  return values.map((value, i) => {
    if (i > 0 && rounds[i] !== rounds[i - 1]) average = correction = 0;
    if (value === null) return null;
    average = weight * average + (1 - weight) * value;
    correction = weight * correction + (1 - weight);
    return average / correction;
  });
}

/** A point in a plane. Larger is better in both values. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The Pareto front: the points that no other beats, that is, equals or exceeds in both values and exceeds in one.
 *
 * @param at where a point lies.
 * @returns by ascending x; equal points once.
 */
export function paretoFront<P>(points: readonly P[], at: (point: P) => Point): P[] {
  const front: P[] = [];
  let best = -Infinity;
  const placed = points.map((point) => ({ point, ...at(point) }));
  for (const { point, y } of placed.sort((a, b) => b.x - a.x || b.y - a.y)) {
    if (y <= best) continue;
    best = y;
    front.push(point);
  }
  return front.reverse();
}

/** Whether a point, or one equal to it, lies on a front. */
export const isOnFront = ({ x, y }: Point, front: readonly Point[]): boolean =>
  front.some((one) => one.x === x && one.y === y);
