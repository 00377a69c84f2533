import { describe, expect, it } from 'vitest';
import { randomMatrix, randomOrthonormal } from '../../testing/matrices.ts';
import { principalAngles } from './directions.ts';
import { columnSlice, concatColumns, matrix, multiply } from '../../linear-algebra/matrix.ts';
import { svd } from '../../linear-algebra/svd.ts';

describe('principalAngles', () => {
  it('finds given angles, whatever the bases of the two spaces', () => {
    const angles = [0, 0.1, 0.7, Math.PI / 2];
    const axes = randomOrthonormal(20, 8, 1);
    const towards = matrix(8, 4);
    angles.forEach((angle, j) => {
      towards.data[j * 4 + j] = Math.cos(angle);
      towards.data[(4 + j) * 4 + j] = Math.sin(angle);
    });
    const rotation = svd(randomMatrix(4, 4, 2)).u;
    const cosines = principalAngles(columnSlice(axes, 0, 4), multiply(multiply(axes, towards), rotation));
    expect(cosines).toEqual(angles.map((angle) => expect.closeTo(Math.cos(angle), 12) as number));
  });

  it('is symmetric, and gives 1 if the larger space contains the smaller', () => {
    const large = randomOrthonormal(15, 6, 3);
    const small = columnSlice(large, 1, 3);
    for (const cosines of [principalAngles(large, small), principalAngles(small, large)]) {
      expect(cosines).toEqual([expect.closeTo(1, 12), expect.closeTo(1, 12)]);
      expect(Math.max(...cosines)).toBeLessThanOrEqual(1);
    }
  });

  it('gives 0 for orthogonal spaces and no angles with an empty one', () => {
    const axes = randomOrthonormal(10, 5, 4);
    const cosines = principalAngles(columnSlice(axes, 0, 2), columnSlice(axes, 2, 5));
    expect(cosines).toEqual([0, 0].map(() => expect.closeTo(0, 12) as number));
    expect(principalAngles(axes, matrix(10, 0))).toEqual([]);
    expect(principalAngles(matrix(10, 0), matrix(10, 0))).toEqual([]);
  });

  it('refuses spaces of different dimensions', () => {
    expect(() => principalAngles(matrix(4, 1), concatColumns(matrix(5, 1), matrix(5, 1)))).toThrow('do not fit');
  });
});
