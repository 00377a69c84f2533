// Parts of a block step of the sweep operator, which inverts symmetric positive definite matrices A [n, n] in place:
// `count` of them, `stride` elements apart. The formulas are in shaders/sweep.wgsl.
//
//   sweepPivot    d = D = A_KK⁻¹ [count, size, size]; failures[m] += number of pivots that are not positive
//   sweepPanel    r = A_K· [count, size, n]
//   sweepBorders  a_K· = D A_K·, a_·K its transpose, and −D where they cross
//
// Arguments: n, first, size, count, stride; the tensors. Units: matrices for sweepPivot, rows of the panels for the
// others.
// Care: as in shaders/sweep.wgsl.
import { element, nmadd, word } from './simd';
import { storeFirst } from './vectors';

/** Tensors: a, d, failures. The blocks are swept in d, in place. */
export function sweepPivot(args: usize, from: u32, to: u32): void {
  const n = word(args, 0);
  const first = word(args, 1);
  const size = word(args, 2);
  const stride = word(args, 4);
  for (let m = from; m < to; m++) {
    const a = element(word(args, 5), m * stride);
    const d = element(word(args, 6), m * size * size);
    const failures = element(word(args, 7), m);
    for (let i: u32 = 0; i < size; i++) {
      memory.copy(element(d, i * size), element(a, (first + i) * n + first), size << 2);
    }
    for (let k: u32 = 0; k < size; k++) {
      const pivots = element(d, k * size);
      let pivot = load<f32>(element(pivots, k));
      if (!(pivot > 0 && pivot < 3.4e38)) {
        store<f32>(failures, load<f32>(failures) + 1);
        pivot = 1;
      }
      const inverse: f32 = 1 / pivot;
      for (let i: u32 = 0; i < size; i++) {
        if (i == k) continue;
        const row = element(d, i * size);
        const own = load<f32>(element(row, k)) * inverse;
        const factor = f32x4.splat(own);
        for (let j: u32 = 0; j < size; j += 4) {
          const value = nmadd(v128.load(element(row, j)), factor, v128.load(element(pivots, j)));
          storeFirst(element(row, j), value, size - j);
        }
        store<f32>(element(row, k), own);
      }
      for (let j: u32 = 0; j < size; j++) {
        store<f32>(element(pivots, j), j == k ? -inverse : load<f32>(element(pivots, j)) * inverse);
      }
    }
    for (let e: u32 = 0; e < size * size; e++) store<f32>(element(d, e), -load<f32>(element(d, e)));
  }
}

/** Tensors: a, r. */
export function sweepPanel(args: usize, from: u32, to: u32): void {
  const n = word(args, 0);
  const first = word(args, 1);
  const size = word(args, 2);
  const stride = word(args, 4);
  for (let row = from; row < to; row++) {
    const a = element(word(args, 5), (row / size) * stride);
    memory.copy(element(word(args, 6), row * n), element(a, (first + (row % size)) * n), n << 2);
  }
}

/** Tensors: D A_K·, D, a. */
export function sweepBorders(args: usize, from: u32, to: u32): void {
  const n = word(args, 0);
  const first = word(args, 1);
  const size = word(args, 2);
  const stride = word(args, 4);
  for (let at = from; at < to; at++) {
    const row = element(word(args, 5), at * n);
    const d = element(word(args, 6), at * size);
    const a = element(word(args, 7), (at / size) * stride);
    const own = first + (at % size);
    memory.copy(element(a, own * n), row, n << 2);
    for (let j: u32 = 0; j < n; j++) {
      if (j < first || j >= first + size) store<f32>(element(a, j * n + own), load<f32>(element(row, j)));
    }
    for (let j: u32 = 0; j < size; j++) {
      store<f32>(element(a, own * n + first + j), -load<f32>(element(d, j)));
    }
  }
}
