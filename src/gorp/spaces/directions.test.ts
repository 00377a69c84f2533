import { describe, expect, it, test } from 'vitest';
import { randomMatrix, randomOrthonormal } from '../../testing/matrices.ts';
import { anglesToEarlier, directionsOfMoment, MAX_DIRECTIONS, storedDirections, addDirections } from './directions.ts';
import { columnSlice, type Matrix, matrix, multiply, multiplyTranspose } from '../../linear-algebra/matrix.ts';

/** U diag(σ) Vᵀ of dimension × 30 with given left vectors. */
function withDirections(u: Matrix, values: readonly number[], seed: number): Matrix {
  const scaled = matrix(
    u.rows,
    u.columns,
    u.data.map((x, i) => x * values[i % u.columns]),
  );
  return multiplyTranspose(scaled, randomOrthonormal(30, u.columns, seed));
}

describe('directions of a task', () => {
  const u = randomOrthonormal(24, 3, 1);
  const moment = withDirections(u, [3, 2, 0.5], 2); // energies 9, 4, 0.25

  it('are the fewest that hold the threshold', () => {
    expect(directionsOfMoment(moment, 0.95).columns).toBe(2);
    const [{ cosines }] = anglesToEarlier(directionsOfMoment(moment, 0.95), [columnSlice(u, 0, 2)]);
    expect(cosines).toEqual([1, 1].map(() => expect.closeTo(1, 10) as number));
  });

  it('are at most as many as the limit, and at least one', () => {
    expect(directionsOfMoment(randomMatrix(40, 40, 3), 1).columns).toBe(MAX_DIRECTIONS);
    expect(directionsOfMoment(moment, 1e-9).columns).toBe(1);
  });

  it('are none if there was no gradient', () => {
    const none = directionsOfMoment(matrix(24, 30), 0.9);
    expect(none.columns).toBe(0);
    expect(anglesToEarlier(none, [u, none])).toEqual([
      { task: 1, cosines: [] },
      { task: 2, cosines: [] },
    ]);
  });

  it('distinguish a task rotated by an angle from one that is not', () => {
    const axes = randomOrthonormal(24, 4, 5);
    const turned = multiply(axes, matrix(4, 2, [1, 0, 0, Math.cos(0.6), 0, Math.sin(0.6), 0, 0]));
    const [first, second] = anglesToEarlier(turned, [columnSlice(axes, 0, 2), columnSlice(axes, 3, 4)]);
    expect(first).toEqual({ task: 1, cosines: [1, Math.cos(0.6)].map((x) => expect.closeTo(x, 10) as number) });
    expect(second).toEqual({ task: 2, cosines: [expect.closeTo(0, 10)] });
  });
});

test('of all tasks together few directions are stored, the leading ones of each, as f32', () => {
  const own = Array.from({ length: 40 }, (_, task) => randomOrthonormal(48, MAX_DIRECTIONS, 20 + task));
  let stored: Matrix[] = [];
  for (const [i, one] of own.entries()) {
    stored = addDirections(stored, one);
    const numbers = stored.map(({ columns }) => columns);
    expect(new Set(numbers).size).toBe(1);
    expect(numbers.reduce((a, b) => a + b)).toBeLessThanOrEqual(Math.max(32, i + 1));
    expect(numbers.reduce((a, b) => a + b)).toBe(storedDirections(i + 1));
  }
  stored.forEach((one, i) => expect(one.data).toEqual(columnSlice(own[i], 0, 1).data.map(Math.fround)));
  expect(addDirections([own[0]], own[1]).map(({ columns }) => columns)).toEqual([16, 16]);
});
