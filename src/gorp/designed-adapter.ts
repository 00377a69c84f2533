import { type Matrix, matrix, multiply, multiplyTranspose, subtract, transpose } from './matrix.ts';
import { leadingSingularVectors } from './singular-vectors.ts';
import { projectOutLeft } from './space.ts';

/**
 * The A of InfLoRA (docs/method.md, eq. (26)): the first r left singular vectors of C − S SᵀC, as rows, over √3. It
 * responds to the main inputs of the new task outside the space of earlier tasks.
 *
 * @param covariance C = X Xᵀ of the task's inputs as columns, [in, in], not necessarily divided by their number.
 * @param space S [in, k]; null before the first task.
 * @param rank r, at most in. If fewer directions lie outside S, the other rows are 0.
 * @returns [r, in].
 */
export function designedA(covariance: Matrix, space: Matrix | null, rank: number): Matrix {
  const S = space ?? matrix(covariance.rows, 0);
  const rows = transpose(leadingSingularVectors(projectOutLeft(covariance, S), rank).left);
  // Vectors of a singular value of 0 are arbitrary and can lie in S.
  const A = subtract(rows, multiplyTranspose(multiply(rows, S), S));
  return { ...A, data: A.data.map((value) => value / Math.sqrt(3)) };
}
