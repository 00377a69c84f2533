import { type Matrix, matrix, multiplyTranspose } from '../linear-algebra/matrix.ts';
import type { SoftInputSpacePlan } from '../gorp/part/method-plan.ts';
import { projectOutLeft, type SpaceGrowth } from '../gorp/spaces/space.ts';
import { symmetricEigen } from '../linear-algebra/symmetric-eigen.ts';
import { heldShare } from './input-space.ts';
import { trace, projectOutRight } from './matrices.ts';

// Weights above this round to 1 in f32, in which spaces are saved, and their energy could not be recovered.
const MAX_WEIGHT = 1 - 1e-6;

/**
 * Grows the soft space of a layer's inputs (docs/method.md, eq. (18)). Instead of cutting directions off at a
 * threshold, it removes each by the weight w = λ / (λ + α), where λ is the energy of earlier tasks in it: I − S Sᵀ with
 * S = U √w is α (E + α I)⁻¹, the projector of OWM (Zeng et al. 2019, "Continual learning of context-dependent
 * processing in neural networks"). Of all changes with the same effect on new inputs, those that it lets through affect
 * outputs for old inputs least.
 *
 * E, the sum or the mean of the earlier tasks' covariances with a trace of 1 each, is not stored: it follows from S.
 *
 * @param space S so far, dimension × columns of length √w; null before the first task.
 * @param covariance C = X Xᵀ of the inputs as columns, dimension × dimension, not necessarily divided by their number.
 * @param softness α times the dimension: the energy, relative to the average of all directions, at which the weight is
 *   one half.
 * @param energies whether E is the sum or the mean over tasks.
 * @param task the finished task, counted from 1.
 * @returns `added` and `total` count directions with a weight of one half or more.
 * @throws GorpError `run/not-finite` if C has a value that is not finite.
 */
export function growSoftSpace(
  space: Matrix | null,
  covariance: Matrix,
  { softness, energies: over }: Pick<SoftInputSpacePlan, 'softness' | 'energies'>,
  task: number,
): SpaceGrowth {
  const n = covariance.rows;
  const alpha = softness / n;
  const held = space ?? matrix(n, 0);
  const weights = columnEnergies(held).map((w) => Math.min(MAX_WEIGHT, w));
  const all = trace(covariance);
  const before = over === 'mean' ? (task - 1) / task : 1;
  const now = over === 'mean' ? 1 / task : 1;
  // s sᵀ is w u uᵀ, and λ = α w / (1 − w).
  const energies = multiplyTranspose(
    scaledColumns(
      held,
      weights.map((w) => (before * alpha) / (1 - w)),
    ),
    held,
  );
  if (all > 0) covariance.data.forEach((value, at) => (energies.data[at] += (now * value) / all));
  const weightOf = (energy: number): number =>
    Math.min(MAX_WEIGHT, Math.max(0, energy) / (Math.max(0, energy) + alpha));
  const { values, vectors } = symmetricEigen(energies, (each) => each.filter((value) => value > 0).length);
  const grown = scaledColumns(
    vectors,
    Array.from(values, (value) => Math.sqrt(weightOf(value))),
  );
  // √(I − S Sᵀ) = I − R Rᵀ, so that the parts inside and outside S add up to the whole.
  const root = scaledColumns(
    held,
    weights.map((w) => Math.sqrt(w > 0 ? (1 - Math.sqrt(1 - w)) / w : 0)),
  );
  const outside = projectOutRight(projectOutLeft(covariance, root), root);
  const left = symmetricEigen(outside, 0).values;
  const total = values.filter((value) => weightOf(value) >= 0.5).length;
  return {
    space: grown,
    added: Math.max(0, total - weights.filter((w) => w >= 0.5).length),
    total,
    heldBefore: heldShare(held, covariance),
    spectrum: Array.from(left, (value) => (all > 0 ? Math.max(0, value) / all : 0)),
    threshold: heldShare(grown, covariance),
  };
}

/** Every column times its factor. */
function scaledColumns({ rows, columns, data }: Matrix, factors: readonly number[]): Matrix {
  return matrix(
    rows,
    columns,
    data.map((value, at) => value * factors[at % columns]),
  );
}

/** ‖·‖² of every column. */
function columnEnergies({ rows, columns, data }: Matrix): number[] {
  const energies = new Array<number>(columns).fill(0);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) energies[j] += data[i * columns + j] ** 2;
  return energies;
}
