import { describe, expect, it } from 'vitest';
import { comparePaired, type Difference, holm, signP, slope, studentInterval, studentP } from './paired-runs.ts';

describe('Student’s t', () => {
  it('gives an interval and p', () => {
    // t = 3 / (√2.5 / √5) = 4.2426, p from tables of R: pt(-4.2426, 4) * 2.
    const { mean, low, high, count } = studentInterval([1, 2, 3, 4, 5]);
    expect([mean, count]).toEqual([3, 5]);
    expect(low).toBeCloseTo(3 - 1.9632, 3);
    expect(high).toBeCloseTo(3 + 1.9632, 3);
    expect(studentP([1, 2, 3, 4, 5])).toBeCloseTo(0.01324, 4);
  });

  it('gives no interval for a single value', () => {
    expect(studentInterval([7])).toEqual({ mean: 7, low: null, high: null, count: 1 });
    expect(studentP([7])).toBeNull();
  });
});

it('the sign test cannot go below 2/2ⁿ', () => {
  expect(signP([1, 2, 3, 4, 5])).toBeCloseTo(0.0625, 10);
  expect(signP([1, 2, 3, 4, 5, 6])).toBeCloseTo(0.03125, 10);
  expect(signP([1, 1, 1, -1])).toBeCloseTo(0.625, 10);
  expect(signP([1, -1, 0])).toBe(1);
});

it('Holm’s correction multiplies by the number left, never falls, and leaves gaps', () => {
  expect(holm([0.01, null, 0.04, 0.03])).toEqual([0.03, null, 0.06, 0.06]);
  expect(holm([0.9, 0.8])).toEqual([1, 1]);
});

it('a slope is one over places', () => {
  expect(slope([5, 3, 1])).toBeCloseTo(-2, 12);
});

describe('a paired comparison', () => {
  const grid = (value: (seed: number, order: number) => number): Difference[] =>
    [1, 2, 3, 4, 5].flatMap((seed) => [0, 1, 2, 3].map((order) => ({ seed, order, value: value(seed, order) })));

  it('treats only seeds as independent: orders of one seed do not narrow it', () => {
    const { overSeeds, pairs } = comparePaired(grid((seed) => seed));
    expect(overSeeds).toEqual(studentInterval([1, 2, 3, 4, 5]));
    expect(pairs).toBe(20);
  });

  it('is wide by the bootstrap if orders disagree and seeds do not', () => {
    const { overSeeds, bootstrap } = comparePaired(grid((_, order) => 10 * order));
    expect((overSeeds.high as number) - (overSeeds.low as number)).toBeCloseTo(0, 10);
    expect(bootstrap.low as number).toBeLessThan(10);
    expect(bootstrap.high as number).toBeGreaterThan(20);
  });

  it('is the same every time', () => {
    const differences = grid((seed, order) => Math.sin(7 * seed + order));
    expect(comparePaired(differences)).toEqual(comparePaired(differences));
  });
});
