import { type Matrix, transposeMultiply } from './matrix.ts';
import { svd } from './svd.ts';

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
