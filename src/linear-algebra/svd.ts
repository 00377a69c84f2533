import {
  lowerGram,
  type Matrix,
  matrix,
  multiplyTranspose,
  normalised,
  reflectRows,
  rotateRows,
  transpose,
  transposeMultiply,
} from './matrix.ts';
import { orthonormaliseRows } from './orthonormal.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

/** A = U diag(σ) Vᵀ, thin: with k = min(m, n). */
interface Svd {
  /** m × k, orthonormal columns. */
  u: Matrix;
  /** k values, descending, never negative. */
  singularValues: Float64Array;
  /** n × k, orthonormal columns. */
  v: Matrix;
}

/** If the largest entry is 1, products of rounding errors underflow for sums of squares below this. */
const VANISHED = 1e-275;
/** Jacobi converges quadratically: matrices of any kind need fewer than 15 sweeps. */
const MAX_SWEEPS = 40;

/**
 * Thin singular value decomposition by QR and one-sided Jacobi rotations (Golub and Van Loan, Matrix Computations,
 * 8.6.3). U and V are orthonormal even if singular values are zero or equal. Signs are arbitrary but paired: see
 * `signFix`.
 *
 * It is meant for matrices with one short side, and takes about a second at 256 × 256. For a few singular vectors of a
 * large matrix use `leadingSingularVectors`.
 *
 * @param a m × n.
 * @throws GorpError `run/not-finite` if an entry is not finite.
 */
export function svd(a: Matrix): Svd {
  if (a.rows < a.columns) {
    const { u, singularValues, v } = svd(transpose(a));
    return { u: v, singularValues, v: u };
  }
  const { unit, normal } = normalised(a);
  const { columns: n } = a;
  const reflections = transpose(normal);
  const { r, factors } = triangularise(reflections);
  // J R has orthogonal rows: R = Jᵀ diag(σ) Vᵀ, so that row j of J is the left singular vector j of R.
  const rotations = matrix(n, n);
  for (let i = 0; i < n; i++) rotations.data[i * n + i] = 1;
  orthogonaliseRows(r, rotations);

  const lengths = Float64Array.from({ length: n }, (_, i) => {
    const square = dotRows(r, i, i);
    return square > VANISHED ? Math.sqrt(square) : 0;
  });
  const order = [...lengths.keys()].sort((i, j) => lengths[j] - lengths[i]);
  const u = matrix(n, a.rows);
  const v = matrix(n, n);
  let positive = 0;
  for (const [place, from] of order.entries()) {
    u.data.set(rotations.data.subarray(from * n, (from + 1) * n), place * a.rows);
    if (lengths[from] === 0) continue;
    positive = place + 1;
    for (let j = 0; j < n; j++) v.data[place * n + j] = r.data[from * n + j] / lengths[from];
  }
  orthonormaliseRows(v, positive);
  // u holds the left singular vectors of R, padded with zeros; Q turns them into those of A.
  for (let k = n - 1; k >= 0; k--)
    reflectRows(u, reflections.data.subarray(k * a.rows, (k + 1) * a.rows), factors[k], k);
  return {
    u: transpose(u),
    singularValues: Float64Array.from(order, (i) => lengths[i] * unit),
    v: transpose(v),
  };
}

/**
 * Householder QR of the matrix whose columns are the given rows, in place: row k holds reflection k from column k on.
 *
 * @param columns n × m, n ≤ m: the transpose of the matrix.
 * @returns the upper triangular R, n × n, and the reflections' factors: I − factors[k] · v vᵀ.
 */
function triangularise(columns: Matrix): { r: Matrix; factors: Float64Array } {
  const { rows: n, columns: m, data } = columns;
  const r = matrix(n, n);
  const factors = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const v = data.subarray(k * m, (k + 1) * m);
    let tail = 0;
    for (let i = k + 1; i < m; i++) tail += v[i] * v[i];
    const head = v[k];
    r.data[k * n + k] = head;
    if (tail > VANISHED) {
      const norm = Math.sqrt(head * head + tail);
      r.data[k * n + k] = head > 0 ? -norm : norm;
      v[k] = head - r.data[k * n + k];
      factors[k] = 2 / (v[k] * v[k] + tail);
    }
    reflectRows(columns, v, factors[k], k, k + 1);
    for (let j = k + 1; j < n; j++) r.data[k * n + j] = data[j * m + k];
  }
  return { r, factors };
}

/** Rotates pairs of rows of r, and the same rows of `rotations`, until all rows of r are orthogonal. */
function orthogonaliseRows(r: Matrix, rotations: Matrix): void {
  const n = r.rows;
  const tolerance = n * Number.EPSILON;
  for (let sweep = 0, rotated = true; rotated && sweep < MAX_SWEEPS; sweep++) {
    rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const alpha = dotRows(r, p, p);
        const beta = dotRows(r, q, q);
        const gamma = dotRows(r, p, q);
        if (alpha <= VANISHED || beta <= VANISHED) continue;
        if (Math.abs(gamma) <= tolerance * Math.sqrt(alpha) * Math.sqrt(beta)) continue;
        rotated = true;
        const zeta = (beta - alpha) / (2 * gamma);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const cosine = 1 / Math.sqrt(1 + tangent * tangent);
        rotateRows(r, p, q, cosine, cosine * tangent);
        rotateRows(rotations, p, q, cosine, cosine * tangent);
      }
    }
  }
}

function dotRows({ columns, data }: Matrix, p: number, q: number): number {
  let sum = 0;
  for (let j = 0; j < columns; j++) sum += data[p * columns + j] * data[q * columns + j];
  return sum;
}

interface SingularVectors {
  /** m × count, orthonormal columns, largest singular value first. */
  left: Matrix;
  /** n × count, likewise; column j belongs to column j of `left`, including its sign. */
  right: Matrix;
}

/**
 * The singular vectors of the largest singular values, from the eigenvectors of the smaller of g gᵀ and gᵀ g.
 *
 * This is exact to the precision of f64 for singular values down to 1e-8 of the largest; vectors of smaller ones are
 * still orthonormal, but a gradient in f32 says nothing about them. It is the fastest way here: in Node on one core, 8
 * vectors take 5 ms at 128 × 128 and 1.3 s at 1024 × 1024, where all of them take 5 s.
 *
 * @param g m × n.
 * @param count number of vectors, at most min(m, n).
 * @throws GorpError `run/not-finite` if an entry is not finite.
 */
export function leadingSingularVectors(g: Matrix, count: number): SingularVectors {
  const { normal } = normalised(g);
  if (g.rows <= g.columns) {
    const left = symmetricEigen(lowerGram(transpose(normal)), count).vectors;
    return { left, right: partners(transposeMultiply(left, normal)) };
  }
  const right = symmetricEigen(lowerGram(normal), count).vectors;
  return { left: partners(multiplyTranspose(transpose(right), normal)), right };
}

/** Turns rows σ_j u_jᵀ into columns u_j. Dividing by σ_j would fail if it is zero. */
function partners(rows: Matrix): Matrix {
  orthonormaliseRows(rows);
  return transpose(rows);
}

/**
 * The rule for the arbitrary signs of singular vectors (docs/method.md, eq. (9)): in each column of `vectors` the entry
 * of largest magnitude becomes positive, the first on a tie. Columns of `partners` are negated with those of `vectors`.
 */
export function signFix(vectors: Matrix, partners: Matrix): { vectors: Matrix; partners: Matrix } {
  const signs = new Float64Array(vectors.columns);
  for (let j = 0; j < vectors.columns; j++) {
    let largest = 0;
    for (let i = 0; i < vectors.rows; i++) {
      const value = vectors.data[i * vectors.columns + j];
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    signs[j] = largest < 0 ? -1 : 1;
  }
  return { vectors: scaleColumns(vectors, signs), partners: scaleColumns(partners, signs) };
}

function scaleColumns({ rows, columns, data }: Matrix, factors: Float64Array): Matrix {
  return { rows, columns, data: data.map((value, i) => value * factors[i % columns]) };
}
