import {
  columnSlice,
  concatColumns,
  energy,
  type Matrix,
  matrix,
  multiply,
  subtract,
  transpose,
  transposeMultiply,
} from '../../linear-algebra/matrix.ts';
import { orthonormaliseRows } from '../../linear-algebra/orthonormal.ts';
import { svd } from '../../linear-algebra/svd.ts';
import type { Growth } from '../part/part.ts';

/** The directions that a task added to the shared space of one tensor, and that space. */
export interface SpaceGrowth extends Growth {
  /** S: dimension × total, orthonormal columns, first the earlier ones, unchanged. */
  space: Matrix;
}

/**
 * Slack for rounding when comparing energy shares with the threshold. A threshold of 1 is reachable: the rest is noise.
 */
const ROUNDING = 1e-12;

/** a − S Sᵀ a: the part of a's columns outside the space. */
export function projectOutLeft(a: Matrix, space: Matrix): Matrix {
  return subtract(a, multiply(space, transposeMultiply(space, a)));
}

/**
 * Grows the shared gradient space of a tensor by a task's main directions: the fewest left singular vectors of M − S Sᵀ M
 * with which the space holds `threshold` of ‖M‖² (docs/method.md, eq. (15)).
 *
 * @param options.space S so far, dimension × columns; null before the first task.
 * @param options.moment M, dimension × any: the task's first moment, transposed where needed so that its columns are
 *   vectors of the space.
 * @param options.threshold share of ‖M‖² that the space must hold, in (0, 1].
 * @throws GorpError `run/not-finite` if M has a value that is not finite, `internal/shape` if the numbers of rows of M
 *   and S differ.
 */
export function growSpace(options: { space: Matrix | null; moment: Matrix; threshold: number }): SpaceGrowth {
  const { moment, threshold } = options;
  const space = options.space ?? matrix(moment.rows, 0);
  const { u, singularValues } = svd(projectOutLeft(moment, space));
  const all = energy(moment);
  const heldBefore = all > 0 ? Math.min(1, energy(transposeMultiply(space, moment)) / all) : 0;
  const spectrum = Array.from(singularValues, (value) => (all > 0 ? value ** 2 / all : 0)).slice(0, room(space));
  const added = fewest(spectrum, heldBefore, threshold);
  return extended(space, columnSlice(u, 0, added), { heldBefore, spectrum, threshold });
}

/** How many more columns fit in the space. */
export const room = ({ rows, columns }: Matrix): number => rows - columns;

/** The smallest number of new directions with which the space holds the threshold. */
export function fewest(spectrum: readonly number[], heldBefore: number, threshold: number): number {
  let held = heldBefore;
  let count = 0;
  while (count < spectrum.length && spectrum[count] > 0 && held < threshold - ROUNDING) held += spectrum[count++];
  return count;
}

/** The space with new columns, all orthonormal. */
export function extended(
  space: Matrix,
  added: Matrix,
  about: Pick<SpaceGrowth, 'heldBefore' | 'spectrum' | 'threshold'>,
): SpaceGrowth {
  // The new directions are orthogonal to S up to rounding, and S as saved is not exactly orthonormal: without this,
  // errors would add up from task to task.
  const rows = transpose(concatColumns(space, added));
  orthonormaliseRows(rows, space.columns);
  return { space: transpose(rows), added: added.columns, total: rows.rows, ...about };
}
