import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { awkwardMatrix, largestDifference, orthonormalityError, randomOrthonormal } from '../testing/matrices.ts';
import { columnSlice, concatColumns, matrix, multiply, transpose, transposeMultiply } from './matrix.ts';
import { orthonormaliseRows } from './orthonormal.ts';

describe('orthonormaliseRows', () => {
  it('gives orthonormal rows from any rows, even dependent and zero ones', () => {
    fc.assert(
      fc.property(awkwardMatrix(12), (a) => {
        const rows = a.rows <= a.columns ? a : transpose(a);
        orthonormaliseRows(rows);
        expect(orthonormalityError(transpose(rows))).toBeLessThan(1e-14);
      }),
    );
  });

  it('does not change the rows before `first` and is orthogonal to them, even when nearly in their span', () => {
    const space = randomOrthonormal(20, 6, 1);
    const nearly = multiply(space, matrix(6, 2, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    nearly.data[0] += 1e-6;
    nearly.data[1] -= 1e-6;
    nearly.data[7] += 1e-6;
    const rows = transpose(concatColumns(space, nearly));
    orthonormaliseRows(rows, 6);
    expect(largestDifference(columnSlice(transpose(rows), 0, 6), space)).toBe(0);
    expect(orthonormalityError(transpose(rows))).toBeLessThan(1e-14);
  });

  it('preserves the order: the first rows span what the first given rows spanned', () => {
    const given = randomOrthonormal(9, 5, 2);
    const mixed = multiply(
      given,
      matrix(5, 5, [1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 0, 0, 1, 2, 3, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1]),
    );
    const rows = transpose(mixed);
    orthonormaliseRows(rows);
    const overlap = transposeMultiply(given, transpose(rows));
    expect(Array.from(overlap.data, (value) => Math.round(value * 1e10) / 1e10 + 0)).toEqual(
      Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 1 : 0)),
    );
  });
});
