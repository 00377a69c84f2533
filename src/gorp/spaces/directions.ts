import {
  columnSlice,
  type Matrix,
  matrix,
  multiply,
  single,
  transpose,
  transposeMultiply,
} from '../../linear-algebra/matrix.ts';
import { svd } from '../../linear-algebra/svd.ts';
import { symmetricEigen } from '../../linear-algebra/symmetric-eigen.ts';
import type { TaskAngles } from '../part/part.ts';
import { growSpace } from './space.ts';

/**
 * Principal angles between the spans of two sets of orthonormal columns: their cosines are the singular values of
 * U_aᵀ U_b (Björck and Golub, 1973).
 *
 * @param a dimension × k.
 * @param b dimension × l.
 * @returns min(k, l) cosines, descending; 1 = a shared direction. No cosines if a space is empty.
 * @throws GorpError `internal/shape` if their numbers of rows differ.
 */
export const principalAngles = (a: Matrix, b: Matrix): number[] =>
  Array.from(svd(transposeMultiply(a, b)).singularValues, (value) => Math.min(1, value));

/** Maximum number of a task's main directions. */
export const MAX_DIRECTIONS = 16;
/** How many are stored of all earlier tasks together, so that a model does not grow with every task. */
const STORED_DIRECTIONS = 32;

/** How many directions are stored of each of a number of tasks, at most: 16 of each of two, 3 of each of ten. */
const storedOf = (tasks: number): number =>
  Math.min(MAX_DIRECTIONS, Math.max(1, Math.floor(STORED_DIRECTIONS / tasks)));

/** Maximum number of directions stored of a number of tasks together. */
export const storedDirections = (tasks: number): number => tasks * storedOf(tasks);

/** The directions of all tasks to store, as f32 values: of each the leading ones. */
export function addDirections(earlier: readonly Matrix[], own: Matrix): Matrix[] {
  const all = [...earlier, own];
  const most = storedOf(all.length);
  return all.map((one) => {
    return single(columnSlice(one, 0, Math.min(most, one.columns)));
  });
}

/**
 * A task's own main directions: the fewest left singular vectors of a matrix that hold `threshold` of its energy, at
 * most {@link MAX_DIRECTIONS}. They may lie inside the shared space. What a task adds to the space is orthogonal to it
 * by construction, so it cannot show how alike two tasks are.
 *
 * @param moment dimension × any: mean gradient with nothing projected away.
 */
export function directionsOfMoment(moment: Matrix, threshold: number): Matrix {
  const { space } = growSpace({ space: null, moment, threshold });
  return atMost(space);
}

const atMost = (directions: Matrix): Matrix => columnSlice(directions, 0, Math.min(directions.columns, MAX_DIRECTIONS));

/** Principal angles between a task's directions and those of each task before, in order. */
export const anglesToEarlier = (directions: Matrix, earlier: readonly Matrix[]): TaskAngles[] =>
  earlier.map((other, i) => ({ task: i + 1, cosines: principalAngles(other, directions) }));

/** Energies below this share of the largest are noise in f32. */
const NOISE = 1e-6;

/** The main directions of a task's inputs, and the largest energies that they leave outside a space. */
export interface Leading {
  /** Orthonormal rows [k, n], largest energy first. */
  readonly rows: Matrix;
  /** xᵀ C x of each row. */
  readonly energies: readonly number[];
  /** The largest eigenvalues of √P C √P, descending. */
  readonly outside: readonly number[];
}

/** The eigenvalues μ of H y = μ G y, descending: of √P C √P in the subspace Y, where G = Y C Yᵀ and H = Y C P C Yᵀ. */
export function quotients(G: Matrix, H: Matrix): number[] {
  if (!G.data.every(Number.isFinite) || !H.data.every(Number.isFinite)) return [];
  const { values, vectors } = symmetricEigen(G);
  const rank = values.filter((value) => value > NOISE * values[0]).length;
  if (rank === 0) return [];
  // W = V D^(−1/2) makes G the identity.
  const W = matrix(G.rows, rank);
  for (let i = 0; i < G.rows; i++) {
    for (let j = 0; j < rank; j++) W.data[i * rank + j] = vectors.data[i * G.rows + j] / Math.sqrt(values[j]);
  }
  return Array.from(symmetricEigen(multiply(transposeMultiply(W, H), W), 0).values);
}

/** The fewest main directions that hold a share of the energy, as columns [n, k], at most {@link MAX_DIRECTIONS}. */
export function mainDirections({ rows, energies }: Leading, all: number, share: number): Matrix {
  const n = rows.columns;
  if (!(all > 0)) return matrix(n, 0);
  let held = 0;
  const reached = energies.findIndex((energy) => (held += energy) >= share * all);
  const count = Math.min(MAX_DIRECTIONS, rows.rows, reached < 0 ? rows.rows : reached + 1);
  return transpose(matrix(count, n, rows.data.subarray(0, count * n)));
}
