import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  awkwardMatrix,
  diagonalMatrix,
  largestDifference,
  orthonormalityError,
  randomMatrix,
  randomOrthonormal,
} from '../testing/matrices.ts';
import { type Matrix, matrix, multiply, multiplyTranspose, subtract, transpose } from './matrix.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

const symmetric = (a: Matrix): Matrix => {
  const n = a.rows;
  return { rows: n, columns: n, data: a.data.map((value, i) => value + a.data[(i % n) * n + Math.floor(i / n)]) };
};

/** V diag(λ) Vᵀ with the given eigenvalues and random vectors. */
function withValues(values: ArrayLike<number>, seed: number): Matrix {
  const vectors = randomOrthonormal(values.length, values.length, seed);
  return multiplyTranspose(multiply(vectors, diagonalMatrix(values)), vectors);
}

/** Checks ‖A v − λ v‖ and orthonormality, relative to the largest eigenvalue. */
function expectEigenpairs(a: Matrix, count: number): void {
  const { values, vectors } = symmetricEigen(a, count);
  const size = Math.max(Math.abs(values[0]), Math.abs(values[values.length - 1]), Number.MIN_VALUE);
  expect(values.every((value, i) => i === 0 || value <= values[i - 1])).toBe(true);
  expect([vectors.rows, vectors.columns]).toEqual([a.rows, Math.min(count, a.rows)]);
  expect(orthonormalityError(vectors)).toBeLessThan(1e-13);
  const expected = multiply(vectors, diagonalMatrix(values.slice(0, vectors.columns)));
  const zero = matrix(a.rows, vectors.columns);
  expect(largestDifference(subtract(multiply(a, vectors), expected), zero) / size).toBeLessThan(1e-13);
}

describe('symmetricEigen', () => {
  it('finds all or a few eigenpairs of awkward matrices', () => {
    fc.assert(
      fc.property(awkwardMatrix(41), fc.integer({ min: 1, max: 5 }), (a, count) => {
        const square = symmetric({ rows: a.rows, columns: a.rows, data: multiplyTranspose(a, a).data });
        fc.pre(square.data.every((value) => Number.isFinite(value)));
        expectEigenpairs(square, square.rows);
        expectEigenpairs(square, count);
      }),
      { numRuns: 60 },
    );
  });

  it.each([48, 67, 130])('finds a few eigenpairs of a larger matrix, positive and negative ones (%i)', (n) => {
    const a = symmetric(randomMatrix(n, n, n));
    expectEigenpairs(a, 5);
    expectEigenpairs(a, n);
    const all = symmetricEigen(a);
    const few = symmetricEigen(a, 5);
    for (let j = 0; j < 5; j++) {
      let dot = 0;
      for (let i = 0; i < n; i++) dot += all.vectors.data[i * n + j] * few.vectors.data[i * 5 + j];
      expect(Math.abs(dot)).toBeCloseTo(1, 10);
    }
  });

  it.each([
    ['equal', new Float64Array(64).fill(3)],
    ['all zero', new Float64Array(64)],
    ['in equal groups', Float64Array.from({ length: 64 }, (_, i) => Math.floor(i / 3))],
    ['in close groups', Float64Array.from({ length: 64 }, (_, i) => 64 - Math.floor(i / 3) + 1e-14 * (i % 3))],
    ['falling over 30 orders', Float64Array.from({ length: 64 }, (_, i) => 10 ** (-i / 2))],
    ['positive and negative', Float64Array.from({ length: 64 }, (_, i) => (i % 2 ? 1 : -1))],
  ])('handles eigenvalues that are %s', (_, values) => {
    expectEigenpairs(withValues(values, 5), 8);
    expectEigenpairs(withValues(values, 5), 64);
    expectEigenpairs(diagonalMatrix(values), 8);
    const found = symmetricEigen(withValues(values, 6), 0).values;
    const expected = Float64Array.from(values).sort().reverse();
    const error = found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i])), 0);
    expect(error).toBeLessThan(1e-13 * Math.max(1, expected[0]));
  });

  it('matches the closed forms for [[a, b], [b, c]] and the second difference matrix', () => {
    const [large, small] = symmetricEigen(matrix(2, 2, [1, 0, 2, 4])).values;
    expect(large).toBeCloseTo(5, 14);
    expect(small).toBeCloseTo(0, 14);
    const n = 40;
    const second = matrix(n, n);
    for (let i = 0; i < n; i++) {
      second.data[i * n + i] = 2;
      if (i > 0) second.data[i * n + i - 1] = -1;
    }
    symmetricEigen(second, 0).values.forEach((value, i) => {
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((n - i) * Math.PI) / (n + 1)), 13);
    });
  });

  it('reads only the lower triangle', () => {
    const a = symmetric(randomMatrix(6, 6, 3));
    const lower = { ...a, data: a.data.map((value, i) => (i % 6 > Math.floor(i / 6) ? 0 : value)) };
    expect(symmetricEigen(lower)).toEqual(symmetricEigen(a));
  });

  it('lets a function choose the number of vectors from the values, and does not change its argument', () => {
    const a = withValues([5, 4, 3, 2, 1], 1);
    const before = transpose(transpose(a));
    const { vectors } = symmetricEigen(a, (values) => values.filter((value) => value > 2.5).length);
    expect(vectors.columns).toBe(3);
    expect(a).toEqual(before);
  });

  it('handles the empty matrix and refuses values that are not finite', () => {
    expect(symmetricEigen(matrix(0, 0))).toEqual({ values: new Float64Array(0), vectors: matrix(0, 0) });
    expect(() => symmetricEigen(matrix(1, 1, [NaN]))).toThrow(expect.objectContaining({ code: 'run/not-finite' }));
  });
});
