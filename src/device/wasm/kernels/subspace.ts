// Small dense operations on subspaces stored as rows, which block power iteration needs besides matrix products. x and y
// are stacks of `count` matrices
//
//   orthonormaliseRows  y = rows of x made orthonormal in order; y [rows, columns], rows ≤ columns
//   rightSingularRows   t = Pᵀ of x = W Σ Pᵀ, one row per right singular vector, largest singular value first; x [rows, rows]
//   fixSigns            y[r] = ±x[r], so that the entry of largest magnitude is positive, the first of them on a tie
//
// Arguments: rows, columns, sweeps, noise, count; x, y; after each result of rightSingularRows, its work [2, rows, rows].
// Units: rows for fixSigns, else matrices, since every row depends on those before it.
// Plan: Gram-Schmidt takes four earlier rows at a time, two groups of four columns each. Singular vectors by one-sided
// Jacobi: pairs of columns in the order of the circle method, until a sweep rotates none.
// Care: as in shaders/subspace.wgsl. Gram-Schmidt runs twice. Entries are divided by the largest, so that squares
// neither overflow nor underflow. A row left with less than `noise` of its length is noise, so pseudo-random numbers
// replace it.
import { hash1 } from './hash';
import { element, float, madd, max4, nmadd, sum4, word } from './simd';
import { dot, storeFirst } from './vectors';

/** Largest magnitude; NaN if an entry is NaN. */
function largestMagnitude(x: usize, count: u32): f32 {
  let largest = f32x4.splat(0);
  let i: u32 = 0;
  for (; count - i >= 4; i += 4) largest = f32x4.max(largest, f32x4.abs(v128.load(element(x, i))));
  let top = max4(largest);
  for (; i < count; i++) top = max<f32>(top, abs<f32>(load<f32>(element(x, i))));
  return top;
}

/** y = x / divisor. */
function divide(x: usize, divisor: f32, y: usize, count: u32): void {
  const all = f32x4.splat(divisor);
  for (let i: u32 = 0; i < count; i += 4) {
    storeFirst(element(y, i), f32x4.div(v128.load(element(x, i)), all), count - i);
  }
}

/** Inner products of a row with four others, as lanes. */
function fourDots(row: usize, r0: usize, r1: usize, r2: usize, r3: usize, count: u32): v128 {
  let a0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  let b3 = f32x4.splat(0);
  let i: usize = 0;
  const end = (<usize>count) << 2;
  while (end - i >= 32) {
    const u = v128.load(row + i);
    const v = v128.load(row + i, 16);
    a0 = madd(a0, u, v128.load(r0 + i));
    a1 = madd(a1, u, v128.load(r1 + i));
    a2 = madd(a2, u, v128.load(r2 + i));
    a3 = madd(a3, u, v128.load(r3 + i));
    b0 = madd(b0, v, v128.load(r0 + i, 16));
    b1 = madd(b1, v, v128.load(r1 + i, 16));
    b2 = madd(b2, v, v128.load(r2 + i, 16));
    b3 = madd(b3, v, v128.load(r3 + i, 16));
    i += 32;
  }
  let sums = f32x4(sum4(f32x4.add(a0, b0)), sum4(f32x4.add(a1, b1)), sum4(f32x4.add(a2, b2)), sum4(f32x4.add(a3, b3)));
  while (i < end) {
    const others = f32x4(load<f32>(r0 + i), load<f32>(r1 + i), load<f32>(r2 + i), load<f32>(r3 + i));
    sums = f32x4.add(sums, f32x4.mul(v128.load32_splat(row + i), others));
    i += 4;
  }
  return sums;
}

/** row −= Σ of four other rows times their factors. */
function subtractFour(row: usize, r0: usize, r1: usize, r2: usize, r3: usize, factors: v128, count: u32): void {
  const f0 = v128.shuffle<f32>(factors, factors, 0, 0, 0, 0);
  const f1 = v128.shuffle<f32>(factors, factors, 1, 1, 1, 1);
  const f2 = v128.shuffle<f32>(factors, factors, 2, 2, 2, 2);
  const f3 = v128.shuffle<f32>(factors, factors, 3, 3, 3, 3);
  for (let c: u32 = 0; c < count; c += 4) {
    const at = (<usize>c) << 2;
    let value = nmadd(v128.load(row + at), f0, v128.load(r0 + at));
    value = nmadd(value, f1, v128.load(r1 + at));
    value = nmadd(value, f2, v128.load(r2 + at));
    value = nmadd(value, f3, v128.load(r3 + at));
    storeFirst(row + at, value, count - c);
  }
}

/** One pass of Gram-Schmidt: removes from a row its part in the rows before it. */
function removeRowsBefore(y: usize, row: u32, columns: u32): void {
  const own = element(y, row * columns);
  for (let k: u32 = 0; k < row; k += 4) {
    const r0 = element(y, k * columns);
    const r1 = element(y, min(k + 1, row - 1) * columns);
    const r2 = element(y, min(k + 2, row - 1) * columns);
    const r3 = element(y, min(k + 3, row - 1) * columns);
    // If fewer than four are left, the last one fills in for the rest, with factors of 0.
    const isOne = i32x4.gt_s(i32x4.splat(row - k), i32x4(0, 1, 2, 3));
    subtractFour(own, r0, r1, r2, r3, v128.and(fourDots(own, r0, r1, r2, r3, columns), isOne), columns);
  }
}

/** Tensors: x, y. */
export function orthonormaliseRows(args: usize, from: u32, to: u32): void {
  const size = word(args, 0) * word(args, 1);
  for (let matrix = from; matrix < to; matrix++) {
    orthonormalise(args, element(word(args, 5), matrix * size), element(word(args, 6), matrix * size));
  }
}

function orthonormalise(args: usize, x: usize, y: usize): void {
  const rows = word(args, 0);
  const columns = word(args, 1);
  const noise = float(args, 3);
  const largest = largestMagnitude(x, rows * columns);
  const unit: f32 = largest == 0 ? 1 : largest;
  for (let row: u32 = 0; row < rows; row++) {
    const own = element(y, row * columns);
    divide(element(x, row * columns), unit, own, columns);
    const before = dot(own, own, columns);
    removeRowsBefore(y, row, columns);
    removeRowsBefore(y, row, columns);
    let left = dot(own, own, columns);
    if (!(left > noise * noise * before)) {
      for (let c: u32 = 0; c < columns; c++) {
        store<f32>(element(own, c), <f32>(hash1(row * columns + c) >> 8) * (1.0 / 8388608.0) - 1.0);
      }
      removeRowsBefore(y, row, columns);
      removeRowsBefore(y, row, columns);
      left = dot(own, own, columns);
    }
    divide(own, sqrt<f32>(left), own, columns);
  }
}

/** Rotates two vectors in their plane. */
function turn(a: usize, b: usize, cosine: f32, sine: f32, count: u32): void {
  const c = f32x4.splat(cosine);
  const s = f32x4.splat(sine);
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) turnFour(element(a, i), element(b, i), c, s, 4);
  if (i < count) turnFour(element(a, i), element(b, i), c, s, count - i);
}

/** Rotates four elements of each and stores the first `count`. */
// @inline
function turnFour(a: usize, b: usize, c: v128, s: v128, count: u32): void {
  const u = v128.load(a);
  const v = v128.load(b);
  storeFirst(a, nmadd(f32x4.mul(c, u), s, v), count);
  storeFirst(b, madd(f32x4.mul(c, v), s, u), count);
}

/** Makes two columns orthogonal. @returns whether they had to be rotated. */
function turnPair(columns: usize, vectors: usize, a: u32, b: u32, n: u32): bool {
  const u = element(columns, a * n);
  const v = element(columns, b * n);
  const aa = dot(u, u, n);
  const bb = dot(v, v, n);
  const ab = dot(u, v, n);
  if (!(abs<f32>(ab) > <f32>1e-7 * sqrt<f32>(aa) * sqrt<f32>(bb))) return false;
  const zeta = (bb - aa) / (2 * ab);
  const tangent = (zeta >= 0 ? <f32>1 : <f32>-1) / (abs<f32>(zeta) + sqrt<f32>(1 + zeta * zeta));
  const cosine: f32 = 1 / sqrt<f32>(1 + tangent * tangent);
  turn(u, v, cosine, cosine * tangent, n);
  turn(element(vectors, a * n), element(vectors, b * n), cosine, cosine * tangent, n);
  return true;
}

/** Tensors: x, y, which also holds x and the rotations so far, both transposed. */
export function rightSingularRows(args: usize, from: u32, to: u32): void {
  const n = word(args, 0);
  for (let matrix = from; matrix < to; matrix++) {
    const x = element(word(args, 5), matrix * n * n);
    rotate(n, word(args, 2), x, element(word(args, 6), matrix * 3 * n * n));
  }
}

function rotate(n: u32, sweeps: u32, x: usize, y: usize): void {
  const columns = element(y, n * n);
  const vectors = element(columns, n * n);
  const largest = largestMagnitude(x, n * n);
  const unit: f32 = largest == 0 ? 1 : largest;
  for (let j: u32 = 0; j < n; j++) {
    for (let i: u32 = 0; i < n; i++) {
      store<f32>(element(columns, j * n + i), load<f32>(element(x, i * n + j)) / unit);
      store<f32>(element(vectors, j * n + i), i == j ? 1 : 0);
    }
  }
  const even = n + (n % 2);
  for (let sweep: u32 = 0; sweep < sweeps; sweep++) {
    let isDone = true;
    for (let round: u32 = 0; round + 1 < even; round++) {
      for (let pair: u32 = 0; pair < even / 2; pair++) {
        const other = (round + even - 1 - pair) % (even - 1);
        const one = pair == 0 ? even - 1 : (round + pair) % (even - 1);
        if (max(one, other) >= n) continue;
        if (turnPair(columns, vectors, min(one, other), max(one, other), n)) isDone = false;
      }
    }
    if (isDone) break;
  }
  sortRows(columns, vectors, y, n);
}

/** Copies vectors to y in descending order of column length; equal ones stay in order. */
function sortRows(columns: usize, vectors: usize, y: usize, n: u32): void {
  // Stores a column's squared length in its first element, which is no longer needed; NaN counts as the smallest.
  for (let a: u32 = 0; a < n; a++) {
    const column = element(columns, a * n);
    const length = dot(column, column, n);
    store<f32>(column, length >= 0 ? length : -1);
  }
  for (let a: u32 = 0; a < n; a++) {
    const length = load<f32>(element(columns, a * n));
    let place: u32 = 0;
    for (let b: u32 = 0; b < n; b++) {
      const other = load<f32>(element(columns, b * n));
      if (other > length || (other == length && b < a)) place++;
    }
    memory.copy(element(y, place * n), element(vectors, a * n), (<usize>n) << 2);
  }
}

/** Tensors: x, y. */
export function fixSigns(args: usize, from: u32, to: u32): void {
  const columns = word(args, 1);
  for (let row = from; row < to; row++) {
    const x = element(word(args, 5), row * columns);
    const y = element(word(args, 6), row * columns);
    const flip = i32x4.splat(isLargestNegative(x, columns) ? 0x80000000 : 0);
    for (let c: u32 = 0; c < columns; c += 4) {
      storeFirst(element(y, c), v128.xor(flip, v128.load(element(x, c))), columns - c);
    }
  }
}

/** Whether the first entry of largest magnitude is negative, ignoring NaN. */
function isLargestNegative(x: usize, count: u32): bool {
  let largest: f32 = -1;
  let isNegative = false;
  for (let c: u32 = 0; c < count; c++) {
    const value = load<f32>(element(x, c));
    if (abs<f32>(value) > largest) {
      largest = abs<f32>(value);
      isNegative = value < 0;
    }
  }
  return isNegative;
}
