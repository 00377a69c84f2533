import { columnSlice, energy, type Matrix, matrix, transpose } from '../../linear-algebra/matrix.ts';
import type { GatePlan } from './plan.ts';
import { growSpace, projectOutLeft } from '../spaces/space.ts';
import { svd } from '../../linear-algebra/svd.ts';

/** What the three weights of a gate read of prompts, one prompt per column. */
export type GateReads = readonly [first: Matrix, second: Matrix, key: Matrix];

/** A direction whose energy is below this share is rounding noise. */
const NOISE = 1e-10;

/**
 * The key of a new gate: the main direction of what it is to read outside the space of earlier tasks, of length 1. On
 * what the space holds, the gate is then 0 (docs/method.md, eq. (32)).
 *
 * @param reads [D, prompts]. @param space S [D, k], or null.
 * @param fallback [1, D], projected and used if nothing is left of the reads.
 * @returns [1, D]; 0 if the space has all directions, so that the gate stays closed.
 */
export function keyOf(reads: Matrix, space: Matrix | null, fallback: Matrix): Matrix {
  const S = space ?? matrix(reads.rows, 0);
  const outside = projectOutLeft(reads, S);
  const isLeft = energy(outside) > NOISE * energy(reads);
  const direction = isLeft ? columnSlice(svd(outside).u, 0, 1) : transpose(fallback);
  const key = projectOutLeft(direction, S);
  const length = Math.sqrt(energy(key));
  if (length < Math.sqrt(NOISE)) return matrix(1, reads.rows);
  return matrix(1, reads.rows, key.data.map((value) => value / length)); // oxfmt-ignore
}

/**
 * A space grown by what a weight read of a finished task's prompts X, by docs/method.md, eq. (15), with M = X or, for the
 * energies of covariances, M = X Xᵀ, whose left singular vectors and values are those of X (XᵀX)^½.
 */
export function grownGateSpace(
  space: Matrix | null,
  reads: Matrix,
  threshold: number,
  energyOf: GatePlan['energyOf'],
): Matrix {
  if (reads.columns === 0) return space ?? matrix(reads.rows, 0);
  const { u, singularValues } = svd(reads);
  const powers = singularValues.map((value) => (energyOf === 'covariances' ? value ** 2 : value));
  const scaled = matrix(u.rows, u.columns, u.data.map((value, at) => value * powers[at % u.columns])); // oxfmt-ignore
  return growSpace({ space, moment: scaled, threshold }).space;
}
