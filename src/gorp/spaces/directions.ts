import { columnSlice, type Matrix, transposeMultiply } from '../../linear-algebra/matrix.ts';
import { svd } from '../../linear-algebra/svd.ts';
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
    const { rows, columns, data } = columnSlice(one, 0, Math.min(most, one.columns));
    return { rows, columns, data: data.map(Math.fround) };
  });
}

/** The angles between the main directions of a task and of an earlier one, for one tensor. */
export interface TaskAngles {
  /** The earlier task, from 1. */
  task: number;
  /** Cosines of the principal angles, descending. 1 = a direction that both tasks use, 0 = none in common. */
  cosines: number[];
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
