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
import { type Matrix, matrix, multiply, multiplyTranspose, transpose } from './matrix.ts';
import { svd } from './svd.ts';

/** Checks shapes, order, orthonormality and U diag(σ) Vᵀ = A, relative to the largest entry of A. */
function expectSvd(a: Matrix): void {
  const { u, singularValues, v } = svd(a);
  const k = Math.min(a.rows, a.columns);
  expect([u.rows, u.columns, singularValues.length, v.rows, v.columns]).toEqual([a.rows, k, k, a.columns, k]);
  expect(singularValues.every((value, i) => value >= 0 && (i === 0 || value <= singularValues[i - 1]))).toBe(true);
  expect(orthonormalityError(u)).toBeLessThan(1e-12);
  expect(orthonormalityError(v)).toBeLessThan(1e-12);
  const size = largestDifference(a, matrix(a.rows, a.columns));
  const product = multiplyTranspose(multiply(u, diagonalMatrix(singularValues)), v);
  expect(largestDifference(product, a)).toBeLessThanOrEqual(1e-13 * k * size);
}

describe('svd', () => {
  it('decomposes awkward matrices so that the product gives them back', () => {
    fc.assert(
      fc.property(awkwardMatrix(37), (a) => {
        expectSvd(a);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    [1, 1],
    [1, 53],
    [53, 1],
    [2, 1021],
    [1021, 8],
    [101, 97],
  ])('handles %i × %i', (rows, columns) => {
    expectSvd(randomMatrix(rows, columns, rows + columns));
    expectSvd(matrix(rows, columns));
  });

  it('finds given singular values, even equal, close and tiny ones', () => {
    const given = [7, 7, 7, 3, 3 - 1e-12, 1, 1e-6, 1e-13, 0];
    const left = randomOrthonormal(30, given.length, 1);
    const right = randomOrthonormal(20, given.length, 2);
    const a = multiplyTranspose(multiply(left, diagonalMatrix(given)), right);
    expectSvd(a);
    svd(a).singularValues.forEach((value, i) => {
      expect(Math.abs(value - (given[i] ?? 0))).toBeLessThan(1e-14 * 30);
    });
  });

  it('finds small singular values to full relative precision if columns differ in length', () => {
    const lengths = [1, 1e-5, 1e-10, 1e-15, 1e-20];
    const a = multiply(randomOrthonormal(12, 5, 4), diagonalMatrix(lengths));
    svd(a).singularValues.forEach((value, i) => {
      expect(value / lengths[i]).toBeCloseTo(1, 10);
    });
  });

  it.each([0.98, 0.7, 0.3])('handles matrices that are mostly rounding noise: decay %f', (decay) => {
    const spread = diagonalMatrix(Float64Array.from({ length: 120 }, (_, i) => decay ** i));
    expectSvd(multiply(multiply(spread, randomMatrix(120, 40, 1)), randomMatrix(40, 90, 2)));
  });

  it('matches the closed forms for 1 × n and 2 × 2', () => {
    expect(svd(matrix(1, 2, [3, -4])).singularValues[0]).toBeCloseTo(5, 14);
    const values = svd(matrix(2, 2, [3, 0, 4, 5])).singularValues;
    expect(values[0]).toBeCloseTo(3 * Math.sqrt(5), 14);
    expect(values[1]).toBeCloseTo(Math.sqrt(5), 14);
  });

  it('does not change its argument, accepts empty matrices and refuses values that are not finite', () => {
    const a = randomMatrix(5, 3, 1);
    const before = transpose(transpose(a));
    svd(a);
    expect(a).toEqual(before);
    expect(svd(matrix(4, 0))).toEqual({ u: matrix(4, 0), singularValues: new Float64Array(0), v: matrix(0, 0) });
    expect(() => svd(matrix(2, 1, [1, Infinity]))).toThrow(expect.objectContaining({ code: 'run/not-finite' }));
  });
});
