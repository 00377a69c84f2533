import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largestDifference, randomMatrix } from '../testing/matrices.ts';
import {
  columnSlice,
  concatColumns,
  energy,
  lowerGram,
  type Matrix,
  matrix,
  multiply,
  multiplyTranspose,
  normalised,
  subtract,
  transpose,
  transposeMultiply,
} from './matrix.ts';

/** The definition, entry by entry. */
function product(a: Matrix, b: Matrix): Matrix {
  const out = matrix(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.columns; j++) {
      for (let k = 0; k < a.columns; k++) {
        out.data[i * b.columns + j] += a.data[i * a.columns + k] * b.data[k * b.columns + j];
      }
    }
  }
  return out;
}

const size = fc.integer({ min: 0, max: 11 });

describe('products', () => {
  it('agree with the definition for all small shapes, even empty ones', () => {
    fc.assert(
      fc.property(size, size, size, fc.nat(), (m, k, n, seed) => {
        const a = randomMatrix(m, k, seed);
        const b = randomMatrix(k, n, seed + 1);
        const expected = product(a, b);
        expect(largestDifference(multiply(a, b), expected)).toBeLessThan(1e-14);
        expect(largestDifference(transposeMultiply(transpose(a), b), expected)).toBeLessThan(1e-14);
        expect(largestDifference(multiplyTranspose(a, transpose(b)), expected)).toBeLessThan(1e-14);
      }),
    );
  });

  it('lowerGram is the lower triangle of aᵀ a', () => {
    const a = randomMatrix(9, 6, 1);
    const expected = product(transpose(a), a);
    expected.data.forEach((_, i) => {
      if (i % 6 > Math.floor(i / 6)) expected.data[i] = 0;
    });
    expect(largestDifference(lowerGram(a), expected)).toBeLessThan(1e-14);
  });

  it('refuse shapes that do not fit', () => {
    const a = matrix(2, 3);
    expect(() => multiply(a, matrix(2, 3))).toThrow('2×3 · 2×3');
    expect(() => transposeMultiply(a, matrix(3, 2))).toThrow('(2×3)ᵀ · 3×2');
    expect(() => multiplyTranspose(a, matrix(3, 2))).toThrow('2×3 · (3×2)ᵀ');
    expect(() => concatColumns(a, matrix(3, 3))).toThrow('[2×3, 3×3]');
    expect(() => subtract(a, matrix(3, 2))).toThrow('2×3 − 3×2');
    expect(() => matrix(2, 2, [1, 2, 3])).toThrow('3 values do not fill a 2×2 matrix');
  });
});

describe('rearrangements', () => {
  const a = matrix(2, 3, [1, 2, 3, 4, 5, 6]);

  it('transpose, slice and join columns', () => {
    expect([...transpose(a).data]).toEqual([1, 4, 2, 5, 3, 6]);
    expect([...columnSlice(a, 1, 3).data]).toEqual([2, 3, 5, 6]);
    expect(columnSlice(a, 2, 2)).toEqual(matrix(2, 0));
    expect(concatColumns(columnSlice(a, 0, 1), columnSlice(a, 1, 3))).toEqual(a);
    expect(concatColumns(matrix(2, 0), a)).toEqual(a);
  });

  it('copy their values', () => {
    const values = [1, 2];
    const b = matrix(1, 2, values);
    values[0] = 9;
    expect(b.data[0]).toBe(1);
  });
});

describe('measures', () => {
  it('energy is the sum of squares', () => {
    expect(energy(matrix(2, 2, [1, -2, 3, 0]))).toBe(14);
    expect(energy(matrix(0, 5))).toBe(0);
  });

  it('normalised divides by the largest magnitude, even if negative or at the ends of the number range', () => {
    expect(normalised(matrix(1, 3, [1, -4, 3]))).toEqual({ unit: 4, normal: matrix(1, 3, [0.25, -1, 0.75]) });
    expect(normalised(matrix(1, 2, [5e-324, 0])).normal).toEqual(matrix(1, 2, [1, 0]));
    expect(normalised(matrix(1, 2))).toEqual({ unit: 1, normal: matrix(1, 2) });
    expect(normalised(matrix(3, 0)).unit).toBe(1);
  });

  it('normalised refuses values that are not finite', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      expect(() => normalised(matrix(1, 2, [1, bad]))).toThrow(
        expect.objectContaining({ code: 'run/not-finite', message: expect.stringContaining(String(bad)) as string }),
      );
    }
  });
});
