import { describe, expect, it } from 'vitest';
import { deviation } from '../../base/statistics.ts';
import { halfWidth } from './compare.ts';
import { meanOf } from './scores.ts';

describe('statistics over seeds', () => {
  it('compute the sample standard deviation', () => {
    expect(meanOf([2, 4, 4, 4, 5, 5, 7, 9])).toBe(5);
    expect(halfWidth([2, 4, 4, 4, 5, 5, 7, 9], 'deviation')).toBeCloseTo(Math.sqrt(32 / 7), 12);
    expect([meanOf([]), halfWidth([1], 'deviation'), halfWidth([1], 'interval')]).toEqual([null, null, null]);
  });

  it('compute the interval of the mean by Student’s t', () => {
    // Three values with deviation 1: t(0.975, 2) = 4.303.
    expect(halfWidth([1, 2, 3], 'interval')).toBeCloseTo(4.303 / Math.sqrt(3), 3);
    expect(halfWidth([1, 2, 3], 'deviation')).toBe(1);
    // t(0.975, 40) = 2.021.
    const many = Array.from({ length: 41 }, (_, i) => i);
    expect(halfWidth(many, 'interval')).toBeCloseTo((2.021 * deviation(many)) / Math.sqrt(41), 2);
  });
});
