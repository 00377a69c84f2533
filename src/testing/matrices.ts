import fc from 'fast-check';
import { seededRandom } from '../base/random.ts';
import type { Basis } from './as-released.ts';
import {
  type Matrix,
  matrix,
  multiply,
  multiplyTranspose,
  subtract,
  transpose,
  transposeMultiply,
} from '../linear-algebra/matrix.ts';
import { type GoldenTensor, goldenReal } from './golden.ts';

/** A tensor of the reference data with two dimensions. @throws Error when it is missing or holds integers. */
export function goldenMatrix(tensors: Map<string, GoldenTensor>, name: string): Matrix {
  const { shape, data } = goldenReal(tensors, name);
  return matrix(shape[0], shape[1], data);
}

/** Entries uniform in (−1, 1). */
export function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = seededRandom(seed);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => 2 * random.next() - 1),
  );
}

/** Orthonormal columns (Gram–Schmidt on random ones), at most as many as rows. */
export function randomOrthonormal(rows: number, columns: number, seed: number): Matrix {
  const vectors = transpose(randomMatrix(rows, columns, seed));
  for (let pass = 0; pass < 2; pass++) {
    for (let i = 0; i < columns; i++) {
      const row = vectors.data.subarray(i * rows, (i + 1) * rows);
      for (let j = 0; j < i; j++) {
        const other = vectors.data.subarray(j * rows, (j + 1) * rows);
        const dot = row.reduce((sum, value, k) => sum + value * other[k], 0);
        for (let k = 0; k < rows; k++) row[k] -= dot * other[k];
      }
      const length = Math.hypot(...row);
      for (let k = 0; k < rows; k++) row[k] /= length;
    }
  }
  return transpose(vectors);
}

/** The square matrix with the given diagonal. */
export function diagonalMatrix(values: ArrayLike<number>): Matrix {
  const n = values.length;
  const out = matrix(n, n);
  for (let i = 0; i < n; i++) out.data[i * n + i] = values[i];
  return out;
}

/** The largest magnitude in a − b; infinite if the shapes differ, NaN if an entry is NaN. */
export function largestDifference(a: Matrix, b: Matrix): number {
  if (a.rows !== b.rows || a.columns !== b.columns) return Infinity;
  return a.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b.data[i])), 0);
}

/** ‖AᵀA − I‖max: 0 when the columns are orthonormal. */
export function orthonormalityError(a: Matrix): number {
  return largestDifference(transposeMultiply(a, a), diagonalMatrix(new Float64Array(a.columns).fill(1)));
}

/**
 * Awkward matrices: 1 × n, prime sizes, rank-deficient, zero, diagonal with equal values, columns of very different
 * length, very large and very small.
 */
export function awkwardMatrix(largest: number): fc.Arbitrary<Matrix> {
  const size = fc.oneof(fc.constantFrom(1, 2, 3, 7, 31, largest), fc.integer({ min: 1, max: largest }));
  const kind = fc.constantFrom('random', 'deficient', 'zero', 'equal', 'graded', 'steep', 'huge', 'tiny');
  return fc.record({ rows: size, columns: size, kind, seed: fc.nat() }).map(({ rows, columns, kind, seed }) => {
    const random = randomMatrix(rows, columns, seed);
    const map = (change: (value: number, i: number) => number): Matrix => ({
      rows,
      columns,
      data: random.data.map(change),
    });
    switch (kind) {
      case 'deficient':
        return multiply(randomMatrix(rows, 1 + (seed % 3), seed), randomMatrix(1 + (seed % 3), columns, seed + 1));
      case 'zero':
        return matrix(rows, columns);
      case 'equal':
        return map((_, i) => (Math.floor(i / columns) === i % columns ? 1 : 0));
      case 'graded':
        return map((value, i) => value * 10 ** -(i % columns));
      case 'steep':
        return map((value, i) => value * 10 ** (-8 * (i % columns)));
      case 'huge':
        return map((value) => value * 1e200);
      case 'tiny':
        return map((value) => value * 1e-200);
      case 'random':
        return random;
    }
  });
}

/** Sum of the diagonal of a square matrix. */
export function trace({ rows, data }: Matrix): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) sum += data[i * rows + i];
  return sum;
}

/** a − a S Sᵀ: the part of a's rows outside the space. */
export function projectOutRight(a: Matrix, space: Matrix): Matrix {
  return subtract(a, multiplyTranspose(multiply(a, space), space));
}

/** G V_r, U_rᵀ G or U_rᵀ G V_r. */
export function compress(g: Matrix, { left, right }: Basis): Matrix {
  const half = right ? multiply(g, right) : g;
  return left ? transposeMultiply(left, half) : half;
}

/** N V_rᵀ, U_r N or U_r N V_rᵀ: expands the compressed form to the shape of the weight. */
export function expand(n: Matrix, { left, right }: Basis): Matrix {
  const half = left ? multiply(left, n) : n;
  return right ? multiplyTranspose(half, right) : half;
}
