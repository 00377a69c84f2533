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
import { columnSlice, type Matrix, matrix, multiply, multiplyTranspose, transposeMultiply } from './matrix.ts';
import { leadingSingularVectors, signFix, svd } from './svd.ts';

/** |diagonal| of aᵀ b: 1 where columns agree up to their sign. */
const agreement = (a: Matrix, b: Matrix): number[] => {
  const dots = transposeMultiply(a, b);
  return Array.from({ length: dots.rows }, (_, i) => Math.abs(dots.data[i * dots.columns + i]));
};

describe('leadingSingularVectors', () => {
  it('gives orthonormal pairs with σ = uᵀ A v, even for awkward matrices', () => {
    fc.assert(
      fc.property(awkwardMatrix(41), fc.integer({ min: 1, max: 8 }), (a, count) => {
        const { left, right } = leadingSingularVectors(a, count);
        const k = Math.min(count, a.rows, a.columns);
        expect([left.rows, left.columns, right.rows, right.columns]).toEqual([a.rows, k, a.columns, k]);
        expect(orthonormalityError(left)).toBeLessThan(1e-13);
        expect(orthonormalityError(right)).toBeLessThan(1e-13);
        const { singularValues } = svd(a);
        // Compare squares of singular values: the Gram matrix is exact in these.
        const found = multiply(transposeMultiply(left, a), right);
        const expected = diagonalMatrix(singularValues.slice(0, k));
        expect(largestDifference(found, expected)).toBeLessThanOrEqual(1e-7 * (singularValues[0] ?? 0));
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    [90, 70],
    [70, 90],
    [61, 61],
  ])('agrees with svd at %i × %i', (rows, columns) => {
    const a = randomMatrix(rows, columns, 3);
    const { left, right } = leadingSingularVectors(a, 4);
    const { u, v } = svd(a);
    for (const value of agreement(left, columnSlice(u, 0, 4))) expect(value).toBeCloseTo(1, 10);
    for (const value of agreement(right, columnSlice(v, 0, 4))) expect(value).toBeCloseTo(1, 10);
  });

  it('finds vectors of small singular values', () => {
    const values = [1, 1e-2, 1e-4, 1e-6];
    const [u, v] = [randomOrthonormal(50, 4, 1), randomOrthonormal(40, 4, 2)];
    const { left, right } = leadingSingularVectors(multiplyTranspose(multiply(u, diagonalMatrix(values)), v), 4);
    for (const value of [...agreement(left, u), ...agreement(right, v)]) expect(value).toBeCloseTo(1, 6);
  });
});

describe('signFix', () => {
  it('makes the entry of largest magnitude positive, the first one on a tie, and does not change zero columns', () => {
    const { vectors } = signFix(matrix(3, 4, [1, -2, 2, 0, -3, 2, -2, 0, 2, 1, 1, 0]), matrix(0, 4));
    expect([...vectors.data].map((value) => value + 0)).toEqual([-1, 2, 2, 0, 3, -2, -2, 0, -2, -1, 1, 0]);
  });

  it('negates partners together with vectors, so that their product does not change', () => {
    const [u, v] = [randomMatrix(7, 3, 1), randomMatrix(5, 3, 2)];
    const { vectors, partners } = signFix(u, v);
    expect(largestDifference(multiplyTranspose(vectors, partners), multiplyTranspose(u, v))).toBe(0);
    expect(largestDifference(signFix(multiply(u, diagonalMatrix([-1, 1, -1])), v).vectors, vectors)).toBe(0);
  });
});
