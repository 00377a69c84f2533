import { describe, expect, it } from 'vitest';
import {
  compress,
  diagonalMatrix,
  expand,
  largestDifference,
  orthonormalityError,
  randomMatrix,
  randomOrthonormal,
} from './matrices.ts';
import {
  energy,
  type Matrix,
  matrix,
  multiply,
  multiplyTranspose,
  subtract,
  transposeMultiply,
} from '../linear-algebra/matrix.ts';
import { basisSide, compressedShape } from '../gorp/full-rank/fast-projection.ts';
import { growAsReleased, type ProjType, releasedBasis, releasedShape, releasedSide } from './as-released.ts';
import { svd } from '../linear-algebra/svd.ts';

const PROJ_TYPES: ProjType[] = ['std', 'reverse_std', 'left', 'right', 'full'];
const SHAPES: [number, number][] = [
  [40, 24],
  [24, 40],
  [24, 24],
  [1, 9],
  [9, 1],
];

describe('the side of a basis', () => {
  it('is that of the methods with std', () => {
    for (const [m, n] of SHAPES) {
      expect(basisSide(m, n)).toBe(releasedSide('std', m, n));
      expect(compressedShape(m, n, 3)).toEqual(releasedShape(m, n, 3, 'std'));
    }
  });

  it('follows the longer side with std, out on a tie, and the shorter one with reverse_std', () => {
    expect(SHAPES.map(([m, n]) => releasedSide('std', m, n))).toEqual(['right', 'left', 'right', 'left', 'right']);
    expect(SHAPES.map(([m, n]) => releasedSide('reverse_std', m, n))).toEqual([
      'left',
      'right',
      'left',
      'right',
      'left',
    ]);
    for (const fixed of ['left', 'right', 'full'] as const) {
      for (const [m, n] of SHAPES) expect(releasedSide(fixed, m, n)).toBe(fixed);
    }
  });
});

const largestIsPositive = ({ rows, columns, data }: Matrix): boolean =>
  Array.from({ length: columns }, (_, j) => Array.from({ length: rows }, (_, i) => data[i * columns + j])).every(
    (column) => Math.max(...column) === Math.max(...column.map(Math.abs)),
  );

describe.each(PROJ_TYPES)('a %s projection', (projType) => {
  it.each(SHAPES)('of %i × %i preserves only the gradient’s largest singular values', (rows, columns) => {
    const g = randomMatrix(rows, columns, rows);
    const { singularValues } = svd(g);
    for (const rank of [1, 3, 100]) {
      const basis = releasedBasis(g, rank, projType);
      const low = compress(g, basis);
      expect([low.rows, low.columns]).toEqual(releasedShape(rows, columns, rank, projType));
      const left = singularValues.slice(0, rank).reduce((sum, value) => sum + value ** 2, 0);
      expect(energy(low)).toBeCloseTo(left, 10);
      const back = expand(low, basis);
      expect([back.rows, back.columns]).toEqual([rows, columns]);
      expect(energy(subtract(g, back))).toBeCloseTo(energy(g) - left, 10);
    }
  });

  it.each(SHAPES)('of %i × %i has orthonormal vectors that follow the sign rule', (rows, columns) => {
    const g = randomMatrix(rows, columns, columns);
    const { left, right } = releasedBasis(g, 4, projType);
    const side = releasedSide(projType, rows, columns);
    expect([left !== null, right !== null]).toEqual([side !== 'right', side !== 'left']);
    for (const vectors of [left, right]) if (vectors) expect(orthonormalityError(vectors)).toBeLessThan(1e-13);
    expect(largestIsPositive((side === 'right' ? right : left) as Matrix)).toBe(true);
    if (left && right) {
      // u_j and v_j are negated together: uᵀ G v stays a positive singular value.
      const diagonal = multiply(transposeMultiply(left, g), right);
      for (let j = 0; j < diagonal.rows; j++) expect(diagonal.data[j * diagonal.columns + j]).toBeGreaterThan(0);
    }
  });

  it('does not depend on the sign of the gradient', () => {
    const g = randomMatrix(12, 10, 5);
    const basis = releasedBasis(g, 3, projType);
    const other = releasedBasis(subtract(matrix(12, 10), g), 3, projType);
    const side = releasedSide(projType, 12, 10) === 'right' ? 'right' : 'left';
    expect(largestDifference(basis[side] as Matrix, other[side] as Matrix)).toBeLessThan(1e-12);
  });

  it('accepts a zero gradient', () => {
    const basis = releasedBasis(matrix(6, 5), 2, projType);
    for (const vectors of [basis.left, basis.right]) {
      if (vectors) expect(orthonormalityError(vectors)).toBeLessThan(1e-14);
    }
    expect(energy(compress(matrix(6, 5), basis))).toBe(0);
  });
});

describe('growth by the released rule', () => {
  // Energies 0.5, 0.3, 0.15, 0.05 of the whole.
  const moment = multiply(
    randomOrthonormal(12, 4, 1),
    multiplyTranspose(diagonalMatrix([0.5, 0.3, 0.15, 0.05].map(Math.sqrt)), randomOrthonormal(6, 4, 2)),
  );

  it('adds one direction fewer after the first task, and as in the paper later, even to an empty space', () => {
    const added = (space: Matrix | null, threshold: number): number =>
      growAsReleased({ space, moment, threshold }).space.columns - (space?.columns ?? 0);
    expect([0.4, 0.51, 0.81, 0.951, 1].map((threshold) => added(null, threshold))).toEqual([0, 1, 2, 3, 3]);
    expect([0.4, 0.51, 0.81, 0.951, 1].map((threshold) => added(matrix(12, 0), threshold))).toEqual([1, 2, 3, 4, 4]);
  });

  it('adds nothing for a moment of zeros or one that the space already holds', () => {
    const nothing = { added: 0, total: 0 };
    expect(growAsReleased({ space: null, moment: matrix(12, 6), threshold: 0.9 })).toMatchObject(nothing);
    const { space } = growAsReleased({ space: matrix(12, 0), moment, threshold: 1 });
    expect(growAsReleased({ space, moment, threshold: 1 })).toMatchObject({ added: 0, total: 4 });
  });
});
