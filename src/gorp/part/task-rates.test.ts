import { describe, expect, test } from 'vitest';
import { compensation } from './method-plan.ts';

describe('compensation', () => {
  test('is the inverse root of the mean share outside', () => {
    expect(compensation([0.2, 0.5])).toBeCloseTo(1 / Math.sqrt(0.35), 12);
  });

  test('is one without spaces, or if everything lies outside', () => {
    expect(compensation([])).toBe(1);
    expect(compensation([1, 1])).toBe(1);
  });

  test('has an upper bound', () => {
    expect(compensation([0])).toBe(4);
  });
});
