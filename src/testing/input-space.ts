import { type Matrix, matrix, multiply, transposeMultiply } from '../linear-algebra/matrix.ts';
import { extended, fewest, projectOutLeft, room, type SpaceGrowth } from '../gorp/spaces/space.ts';
import { symmetricEigen } from '../linear-algebra/symmetric-eigen.ts';
import { trace, projectOutRight } from './matrices.ts';

/**
 * Grows the space of a layer's inputs (docs/method.md, section 4.2, after GPM). The same as {@link growSpace} by the
 * paper's rule for any moment M with M Mᵀ = C, such as the inputs X themselves (dimension × tokens).
 *
 * @param space S so far, dimension × columns; null before the first task.
 * @param covariance C = X Xᵀ of the inputs as columns, dimension × dimension, not necessarily divided by their number.
 * @throws GorpError as {@link growSpace}.
 */
export function growSpaceFromCovariance(space: Matrix | null, covariance: Matrix, threshold: number): SpaceGrowth {
  const held = space ?? matrix(covariance.rows, 0);
  const all = trace(covariance);
  const heldBefore = heldShare(held, covariance);
  const outside = projectOutRight(projectOutLeft(covariance, held), held);
  let spectrum: number[] = [];
  const { vectors } = symmetricEigen(outside, (values) => {
    // Rounding makes some of the zeros negative.
    spectrum = Array.from(values, (value) => (all > 0 ? Math.max(0, value) / all : 0)).slice(0, room(held));
    return fewest(spectrum, heldBefore, threshold);
  });
  return extended(held, vectors, { heldBefore, spectrum, threshold });
}

/** Share of the energy of inputs with the covariance C = X Xᵀ that the space holds; 0 if there is no energy. */
export function heldShare(space: Matrix, covariance: Matrix): number {
  const all = trace(covariance);
  return all > 0 ? Math.min(1, trace(multiply(transposeMultiply(space, covariance), space)) / all) : 0;
}
