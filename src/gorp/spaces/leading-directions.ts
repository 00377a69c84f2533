import { type Matrix, matrix, multiply, transpose, transposeMultiply } from '../../linear-algebra/matrix.ts';
import { symmetricEigen } from '../../linear-algebra/symmetric-eigen.ts';
import { MAX_DIRECTIONS } from './directions.ts';

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
