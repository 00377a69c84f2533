import { describe, expect, test } from 'vitest';
import { matrix } from './matrix.ts';
import { compensation } from './task-rates.ts';

/** A covariance of uncorrelated inputs with these energies. */
function diagonal(...energies: number[]) {
  const size = energies.length;
  const C = matrix(size, size);
  energies.forEach((energy, i) => (C.data[i * size + i] = energy));
  return C;
}

/** The space of the first k of n directions. */
function leading(n: number, k: number) {
  const S = matrix(n, k);
  for (let i = 0; i < k; i++) S.data[i * k + i] = 1;
  return S;
}

describe('compensation', () => {
  test('is the inverse root of the share outside, averaged over layers', () => {
    const covariances = new Map([
      ['a', diagonal(6, 2, 1, 1)],
      ['b', diagonal(1, 1, 1, 1)],
    ]);
    // Outside: 0.2 of a, 0.5 of b.
    const spaces = [
      ['a', leading(4, 2)],
      ['b', leading(4, 2)],
    ] as const;
    expect(compensation(spaces, covariances)).toBeCloseTo(1 / Math.sqrt(0.35), 12);
  });

  test('is one without spaces, or if inputs have no energy', () => {
    expect(compensation([], new Map())).toBe(1);
    expect(compensation([['a', leading(3, 1)]], new Map([['a', diagonal(0, 0, 0)]]))).toBe(1);
  });

  test('has an upper bound', () => {
    expect(compensation([['a', leading(2, 2)]], new Map([['a', diagonal(1, 1)]]))).toBe(4);
  });

  test('refuses a layer that was not measured', () => {
    expect(() => compensation([['a', leading(2, 1)]], new Map())).toThrow('a');
  });
});
