import { GorpError, REPORT_BUG } from '../base/errors.ts';

/** A dense row-major matrix in f64. Functions here return new matrices and never change their arguments. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** `rows · columns` values; entry (i, j) is at `i · columns + j`. */
  readonly data: Float64Array;
}

/** A matrix with a copy of the values, or of zeros without them. @throws GorpError `internal/shape` */
export function matrix(rows: number, columns: number, values?: ArrayLike<number>): Matrix {
  if (values !== undefined && values.length !== rows * columns) {
    throw shapeError(`${values.length} values do not fill a ${rows}×${columns} matrix`);
  }
  return { rows, columns, data: values === undefined ? new Float64Array(rows * columns) : Float64Array.from(values) };
}

/** a · b. @throws GorpError `internal/shape` */
export function multiply(a: Matrix, b: Matrix): Matrix {
  if (a.columns !== b.rows) throw shapeError(`${shape(a)} · ${shape(b)}`);
  const out = matrix(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    combineRows(out.data, i * b.columns, b.columns, a.data, i * a.columns, 1, b);
  }
  return out;
}

/** aᵀ · b. @throws GorpError `internal/shape` */
export function transposeMultiply(a: Matrix, b: Matrix): Matrix {
  if (a.rows !== b.rows) throw shapeError(`(${shape(a)})ᵀ · ${shape(b)}`);
  const out = matrix(a.columns, b.columns);
  for (let i = 0; i < a.columns; i++) {
    combineRows(out.data, i * b.columns, b.columns, a.data, i, a.columns, b);
  }
  return out;
}

/** a · bᵀ. @throws GorpError `internal/shape` */
export function multiplyTranspose(a: Matrix, b: Matrix): Matrix {
  if (a.columns !== b.columns) throw shapeError(`${shape(a)} · (${shape(b)})ᵀ`);
  // Transposing is cheap compared with the product, and makes the inner loop of combineRows long.
  return multiply(a, transpose(b));
}

/** The lower triangle of aᵀ · a; the upper one is zero. */
export function lowerGram(a: Matrix): Matrix {
  const out = matrix(a.columns, a.columns);
  for (let i = 0; i < a.columns; i++) {
    combineRows(out.data, i * a.columns, i + 1, a.data, i, a.columns, a);
  }
  return out;
}

/**
 * out[at … at + width) += Σ_k w_k · b[k, 0 … width), with w_k = weights[from + k · stride].
 *
 * The inner loop runs along rows, which are contiguous in memory, four at a time, so that each value of `out` is read
 * and written once per four products.
 */
function combineRows(
  out: Float64Array,
  at: number,
  width: number,
  weights: Float64Array,
  from: number,
  stride: number,
  b: Matrix,
): void {
  const { rows, columns, data } = b;
  let k = 0;
  for (; k + 3 < rows; k += 4) {
    const w0 = weights[from + k * stride];
    const w1 = weights[from + (k + 1) * stride];
    const w2 = weights[from + (k + 2) * stride];
    const w3 = weights[from + (k + 3) * stride];
    const b0 = k * columns;
    const b1 = b0 + columns;
    const b2 = b1 + columns;
    const b3 = b2 + columns;
    for (let j = 0; j < width; j++) {
      out[at + j] += w0 * data[b0 + j] + w1 * data[b1 + j] + w2 * data[b2 + j] + w3 * data[b3 + j];
    }
  }
  for (; k < rows; k++) {
    const w = weights[from + k * stride];
    for (let j = 0; j < width; j++) out[at + j] += w * data[k * columns + j];
  }
}

/** aᵀ. */
export function transpose(a: Matrix): Matrix {
  const out = matrix(a.columns, a.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.columns; j++) out.data[j * a.rows + i] = a.data[i * a.columns + j];
  }
  return out;
}

/** Columns `from` up to, not including, `to`. */
export function columnSlice(a: Matrix, from: number, to: number): Matrix {
  const out = matrix(a.rows, to - from);
  for (let i = 0; i < a.rows; i++) {
    out.data.set(a.data.subarray(i * a.columns + from, i * a.columns + to), i * out.columns);
  }
  return out;
}

/** [a, b]: the columns of a, then those of b. @throws GorpError `internal/shape` */
export function concatColumns(a: Matrix, b: Matrix): Matrix {
  if (a.rows !== b.rows) throw shapeError(`[${shape(a)}, ${shape(b)}]`);
  const out = matrix(a.rows, a.columns + b.columns);
  for (let i = 0; i < a.rows; i++) {
    out.data.set(a.data.subarray(i * a.columns, (i + 1) * a.columns), i * out.columns);
    out.data.set(b.data.subarray(i * b.columns, (i + 1) * b.columns), i * out.columns + a.columns);
  }
  return out;
}

/** The nearest f32 values. */
export const single = ({ rows, columns, data }: Matrix): Matrix => ({ rows, columns, data: data.map(Math.fround) });

/** a − b. @throws GorpError `internal/shape` */
export function subtract(a: Matrix, b: Matrix): Matrix {
  if (a.rows !== b.rows || a.columns !== b.columns) throw shapeError(`${shape(a)} − ${shape(b)}`);
  return { rows: a.rows, columns: a.columns, data: a.data.map((value, i) => value - b.data[i]) };
}

/** The squared Frobenius norm: the sum of squared entries. */
export function energy(a: Matrix): number {
  let sum = 0;
  for (const value of a.data) sum += value * value;
  return sum;
}

/**
 * The largest magnitude of an entry, and the matrix divided by it, so that squares of entries that matter neither
 * overflow nor underflow. A zero matrix is divided by 1.
 *
 * @throws GorpError `run/not-finite` when an entry is infinite or not a number.
 */
export function normalised(a: Matrix): { unit: number; normal: Matrix } {
  let largest = 0;
  for (const value of a.data) {
    if (!Number.isFinite(value)) {
      throw new GorpError(
        'run/not-finite',
        `Training has diverged: a ${shape(a)} matrix to decompose contains ${value}.`,
        'Start again with a smaller learning rate.',
      );
    }
    largest = Math.max(largest, Math.abs(value));
  }
  const unit = largest || 1;
  return { unit, normal: { rows: a.rows, columns: a.columns, data: a.data.map((value) => value / unit) } };
}

const shape = ({ rows, columns }: Matrix): string => `${rows}×${columns}`;

function shapeError(what: string): GorpError {
  return new GorpError('internal/shape', `Matrix shapes do not fit: ${what}.`, REPORT_BUG);
}

/** Rotates rows p and q into each other, in place: p ← cosine · p − sine · q, q ← sine · p + cosine · q. */
export function rotateRows({ columns, data }: Matrix, p: number, q: number, cosine: number, sine: number): void {
  const atP = p * columns;
  const atQ = q * columns;
  for (let j = 0; j < columns; j++) {
    const x = data[atP + j];
    const y = data[atQ + j];
    data[atP + j] = cosine * x - sine * y;
    data[atQ + j] = sine * x + cosine * y;
  }
}

/** Reflects every row x in place: x ← x − factor · (vᵀx) v, where v begins at column `first`. */
export function reflectRows(rows: Matrix, v: Float64Array, factor: number, first: number, fromRow = 0): void {
  const { columns, data } = rows;
  if (factor === 0) return;
  for (let i = fromRow; i < rows.rows; i++) {
    const at = i * columns;
    let dot = 0;
    for (let j = first; j < columns; j++) dot += v[j] * data[at + j];
    dot *= factor;
    for (let j = first; j < columns; j++) data[at + j] -= dot * v[j];
  }
}
