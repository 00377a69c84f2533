import { energy, type Matrix, transposeMultiply } from './matrix.ts';
import { svd } from './svd.ts';

/** How two subspaces of the same space lie to each other. */
export interface PrincipalAngles {
  /** Cosines of the principal angles, descending; as many as the smaller space has dimensions. 1 = a shared direction. */
  cosines: number[];
  /** ‖U_aᵀ U_b‖² / min(dimensions): the mean squared cosine. 0 = orthogonal, 1 = one contains the other. */
  overlap: number;
}

/**
 * Principal angles between the spans of two sets of orthonormal columns: their cosines are the singular values of
 * U_aᵀ U_b (Björck and Golub, 1973). With an empty space there are no angles, and the overlap is 0.
 *
 * @param a dimension × k.
 * @param b dimension × l.
 * @throws GorpError `internal/shape` when they do not have the same number of rows.
 */
export function principalAngles(a: Matrix, b: Matrix): PrincipalAngles {
  const product = transposeMultiply(a, b);
  const cosines = Array.from(svd(product).singularValues, (value) => Math.min(1, value));
  return { cosines, overlap: cosines.length === 0 ? 0 : Math.min(1, energy(product) / cosines.length) };
}
