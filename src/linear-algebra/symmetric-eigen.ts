import { GorpError, REPORT_BUG } from '../base/errors.ts';
import { seededRandom } from '../base/random.ts';
import { type Matrix, matrix, normalised, reflectRows, rotateRows, transpose } from './matrix.ts';
import { orthonormaliseRows } from './orthonormal.ts';

/** Eigenvalues of a symmetric matrix, largest first, and the eigenvectors of the first of them. */
interface SymmetricEigen {
  /** All n eigenvalues, descending. */
  values: Float64Array;
  /** n × count: orthonormal columns; column j belongs to `values[j]`. */
  vectors: Matrix;
}

/** A tridiagonal T with A = Q T Qᵀ, and Q as Householder reflections. */
interface Tridiagonal {
  /** n entries. */
  diagonal: Float64Array;
  /** n entries: `offDiagonal[i]` couples i and i + 1; the last is 0. */
  offDiagonal: Float64Array;
  /** Row k holds, right of its diagonal, the vector v of reflection k: I − factors[k] · v vᵀ, acting on k + 1 … n − 1. */
  reflections: Matrix;
  factors: Float64Array;
}

/** If the largest entry is 1, the root of a sum of squares below this is far below rounding noise. */
const NEGLIGIBLE = Number.EPSILON ** 4;
/** Up to this share of all eigenvectors, computing each alone is faster than computing all at once. */
const FEW = 1 / 8;
/** Below this size all eigenvectors are computed at once, however few are needed. */
const SMALL = 32;

/**
 * Eigen-decomposition of a real symmetric matrix: Householder reduction to tridiagonal form and implicit QL (Golub and
 * Van Loan, Matrix Computations, 8.3). Inverse iteration finds a few eigenvectors of a larger matrix instead.
 *
 * @param a n × n; only its lower triangle is read.
 * @param count number of eigenvectors (all by default), or a function that chooses it from the eigenvalues.
 * @throws GorpError `run/not-finite` if an entry is not finite.
 */
export function symmetricEigen(a: Matrix, count: number | ((values: Float64Array) => number) = a.rows): SymmetricEigen {
  const n = a.rows;
  const { unit, normal } = normalised(a);
  const t = tridiagonalise(normal);
  const ascending = Float64Array.from(t.diagonal);
  implicitQl(ascending, Float64Array.from(t.offDiagonal));
  const sorted = ascending.sort().reverse();
  const values = sorted.map((value) => value * unit);
  const wanted = Math.min(n, typeof count === 'number' ? count : count(values));
  const rows = n <= SMALL || wanted > FEW * n ? allVectors(t, wanted) : inverseIteration(t, sorted, wanted);
  // The rows are eigenvectors z of T; those of A are Q z.
  for (let k = n - 2; k >= 0; k--) {
    reflectRows(rows, t.reflections.data.subarray(k * n, (k + 1) * n), t.factors[k], k + 1);
  }
  return { values, vectors: transpose(rows) };
}

/**
 * The eigenvalues alone, descending, without stopping the thread for long.
 *
 * @param between is awaited between parts of the work; what it throws ends it.
 * @throws GorpError `run/not-finite` if an entry is not finite.
 */
export async function eigenvaluesOf(a: Matrix, between: () => Promise<void>): Promise<Float64Array> {
  const { unit, normal } = normalised(a);
  const columns = reduction(normal);
  const rest = a.rows * a.rows * 4; // operations of a column
  let sinceRest = 0;
  let step = columns.next();
  for (; step.done !== true; step = columns.next()) {
    if ((sinceRest += rest) < REST) continue;
    sinceRest = 0;
    await new Promise((resolve) => setTimeout(resolve)); // lets messages in
    await between();
  }
  const { diagonal, offDiagonal } = step.value;
  implicitQl(diagonal, offDiagonal);
  return diagonal
    .sort()
    .reverse()
    .map((value) => value * unit);
}

/** Operations after which {@link eigenvaluesOf} lets others have a turn: some tens of milliseconds. */
const REST = 3e7;

/** Householder reduction of a symmetric matrix; reads its lower triangle and overwrites it. */
function tridiagonalise(a: Matrix): Tridiagonal {
  const columns = reduction(a);
  for (let step = columns.next(); ; step = columns.next()) if (step.done === true) return step.value;
}

/** Reduces one column, then yields, so that long work can be interrupted. */
function* reduction(a: Matrix): Generator<undefined, Tridiagonal> {
  const { rows: n, data } = a;
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  const factors = new Float64Array(n);
  const product = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = data[k * n + k];
    // Column k below the diagonal moves to row k, right of it: that place is free, and contiguous in memory.
    const v = data.subarray(k * n, (k + 1) * n);
    let tail = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = data[i * n + k];
      if (i > k + 1) tail += v[i] * v[i];
    }
    const head = v[k + 1];
    if (tail <= NEGLIGIBLE) {
      offDiagonal[k] = head;
      continue;
    }
    const norm = Math.sqrt(head * head + tail);
    offDiagonal[k] = head > 0 ? -norm : norm;
    v[k + 1] = head - offDiagonal[k];
    const factor = 2 / (v[k + 1] * v[k + 1] + tail);
    factors[k] = factor;
    reflectBothSides(data, n, k + 1, v, factor, product);
    yield;
  }
  if (n > 0) diagonal[n - 1] = data[n * n - 1];
  return { diagonal, offDiagonal, reflections: a, factors };
}

/** A ← H A H for H = I − factor · v vᵀ, on the lower triangle of rows and columns from `first` on. */
function reflectBothSides(
  data: Float64Array,
  n: number,
  first: number,
  v: Float64Array,
  factor: number,
  product: Float64Array,
): void {
  product.fill(0);
  for (let i = first; i < n; i++) {
    const row = i * n;
    const vi = v[i];
    let sum = 0;
    for (let j = first; j < i; j++) {
      sum += data[row + j] * v[j];
      product[j] += data[row + j] * vi;
    }
    product[i] += sum + data[row + i] * vi;
  }
  let dot = 0;
  for (let i = first; i < n; i++) {
    product[i] *= factor;
    dot += product[i] * v[i];
  }
  // w = p − (factor / 2) (pᵀv) v, and A ← A − v wᵀ − w vᵀ.
  for (let i = first; i < n; i++) product[i] -= 0.5 * factor * dot * v[i];
  for (let i = first; i < n; i++) {
    const row = i * n;
    const vi = v[i];
    const wi = product[i];
    for (let j = first; j <= i; j++) data[row + j] -= vi * product[j] + wi * v[j];
  }
}

/**
 * Eigenvalues of a tridiagonal matrix by the implicit QL method with Wilkinson's shift (EISPACK's imtql2). Overwrites
 * the diagonal with them, in no order, and the off-diagonal with zeros.
 *
 * @param vectors rows to rotate along: the identity becomes the eigenvectors.
 */
function implicitQl(diagonal: Float64Array, offDiagonal: Float64Array, vectors?: Matrix): void {
  const n = diagonal.length;
  // Relative to the largest entries: anything smaller is rounding noise that would never converge.
  const noise =
    Number.EPSILON * diagonal.reduce((max, d, i) => Math.max(max, Math.abs(d) + Math.abs(offDiagonal[i])), 0);
  for (let l = 0; l < n; l++) {
    for (let attempt = 0; ; attempt++) {
      let m = l;
      while (m < n - 1 && Math.abs(offDiagonal[m]) > noise) m++;
      if (m === l) break;
      if (attempt === 100) throw notConverged(n);
      const half = (diagonal[l + 1] - diagonal[l]) / (2 * offDiagonal[l]);
      const root = Math.sqrt(half * half + 1);
      let g = diagonal[m] - diagonal[l] + offDiagonal[l] / (half + (half < 0 ? -root : root));
      let sine = 1;
      let cosine = 1;
      let shift = 0;
      let i = m - 1;
      for (; i >= l; i--) {
        const f = sine * offDiagonal[i];
        const b = cosine * offDiagonal[i];
        const r = Math.sqrt(f * f + g * g);
        offDiagonal[i + 1] = r;
        if (r === 0) break;
        sine = f / r;
        cosine = g / r;
        g = diagonal[i + 1] - shift;
        const q = (diagonal[i] - g) * sine + 2 * cosine * b;
        shift = sine * q;
        diagonal[i + 1] = g + shift;
        g = cosine * q - b;
        if (vectors) rotateRows(vectors, i, i + 1, cosine, sine);
      }
      offDiagonal[m] = 0;
      if (i >= l) {
        // The chase ended early: T falls apart at i + 1.
        diagonal[i + 1] -= shift;
        continue;
      }
      diagonal[l] -= shift;
      offDiagonal[l] = g;
    }
  }
}

/** The eigenvectors of T with the `count` largest eigenvalues, as rows. */
function allVectors({ diagonal, offDiagonal }: Tridiagonal, count: number): Matrix {
  const n = diagonal.length;
  const values = Float64Array.from(diagonal);
  const vectors = matrix(n, n);
  for (let i = 0; i < n; i++) vectors.data[i * n + i] = 1;
  implicitQl(values, Float64Array.from(offDiagonal), vectors);
  const order = [...values.keys()].sort((i, j) => values[j] - values[i]);
  const rows = matrix(count, n);
  for (let i = 0; i < count; i++) {
    rows.data.set(vectors.data.subarray(order[i] * n, (order[i] + 1) * n), i * n);
  }
  return rows;
}

/**
 * The eigenvectors of T with the `count` largest eigenvalues, as rows, by inverse iteration from random starts. Every
 * vector is made orthogonal to all before it, so that equal eigenvalues get different vectors.
 *
 * @param values the eigenvalues, descending.
 */
function inverseIteration(t: Tridiagonal, values: Float64Array, count: number): Matrix {
  const n = t.diagonal.length;
  const rows = matrix(count, n);
  const random = seededRandom(n);
  // T has entries of order 1. Shifts closer than this would give the same linear system.
  const apart = 10 * Number.EPSILON * Math.max(Math.abs(values[0]), Math.abs(values[n - 1]));
  let shift = Infinity;
  for (let i = 0; i < count; i++) {
    shift = Math.min(values[i], shift - apart);
    const solve = shiftedSolver(t, shift);
    const row = rows.data.subarray(i * n, (i + 1) * n);
    for (let j = 0; j < n; j++) row[j] = random.next() - 0.5;
    const soFar = { rows: i + 1, columns: n, data: rows.data };
    // Each solve gains a factor of about 1/ε in the wanted direction; the third compensates for an unlucky start.
    for (let step = 0; step < 3; step++) {
      solve(row);
      orthonormaliseRows(soFar, i);
    }
  }
  return rows;
}

/** Prepares the solution, in place, of (T − shift · I) x = y by elimination with row exchanges. */
function shiftedSolver({ diagonal, offDiagonal }: Tridiagonal, shift: number): (y: Float64Array) => void {
  const n = diagonal.length;
  // U has the pivots and two diagonals above them.
  const pivot = diagonal.map((value) => value - shift);
  const above = Float64Array.from(offDiagonal);
  const second = new Float64Array(n);
  const multiplier = new Float64Array(n);
  const exchanged = new Uint8Array(n);
  for (let i = 0; i < n - 1; i++) {
    const below = offDiagonal[i];
    if (Math.abs(below) > Math.abs(pivot[i])) {
      exchanged[i] = 1;
      multiplier[i] = pivot[i] / below;
      const nextPivot = above[i] - multiplier[i] * pivot[i + 1];
      const nextAbove = -multiplier[i] * above[i + 1];
      pivot[i] = below;
      above[i] = pivot[i + 1];
      second[i] = above[i + 1];
      pivot[i + 1] = nextPivot;
      above[i + 1] = nextAbove;
    } else if (pivot[i] !== 0) {
      multiplier[i] = below / pivot[i];
      pivot[i + 1] -= multiplier[i] * above[i];
    }
  }
  // A zero pivot means that the shift is an eigenvalue to the last digit; a tiny one makes the solution finite.
  for (let i = 0; i < n; i++) {
    if (Math.abs(pivot[i]) < Number.EPSILON ** 2) pivot[i] = Number.EPSILON ** 2;
  }
  return (y) => {
    for (let i = 0; i < n - 1; i++) {
      if (exchanged[i] === 1) {
        const upper = y[i + 1];
        y[i + 1] = y[i] - multiplier[i] * upper;
        y[i] = upper;
      } else {
        y[i + 1] -= multiplier[i] * y[i];
      }
    }
    for (let i = n - 1; i >= 0; i--) {
      let value = y[i];
      if (i + 1 < n) value -= above[i] * y[i + 1];
      if (i + 2 < n) value -= second[i] * y[i + 2];
      y[i] = value / pivot[i];
    }
  };
}

function notConverged(n: number): GorpError {
  return new GorpError(
    'internal/no-convergence',
    `The eigenvalues of a ${n}×${n} matrix did not converge.`,
    REPORT_BUG,
  );
}
