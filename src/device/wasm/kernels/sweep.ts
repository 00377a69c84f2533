// Parts of a block step of the sweep operator, which inverts a symmetric positive definite matrix A [n, n] in place. The
// formulas are in shaders/sweep.wgsl.
//
//   sweepPivot    d = D = A_KK⁻¹ [size, size]; failures[0] += number of pivots that are not positive
//   sweepPanel    r = A_K· [size, n]
//   sweepBorders  a_K· = D A_K·, a_·K its transpose, and −D where they cross
//
// Arguments: n, first, size; the tensors. Units: one for sweepPivot, rows of the panel for the others.
// Care: as in shaders/sweep.wgsl.
import { element, nmadd, word } from './simd';
import { storeFirst } from './vectors';

/** Tensors: a, d, failures. The block is swept in d, in place. */
export function sweepPivot(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const n = word(args, 0);
  const first = word(args, 1);
  const size = word(args, 2);
  const a = word(args, 3);
  const d = word(args, 4);
  const failures = word(args, 5);
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

/** Tensors: a, r. */
export function sweepPanel(args: usize, from: u32, to: u32): void {
  const n = word(args, 0);
  const first = word(args, 1);
  memory.copy(element(word(args, 4), from * n), element(word(args, 3), (first + from) * n), ((to - from) * n) << 2);
}

/** Tensors: D A_K·, D, a. */
export function sweepBorders(args: usize, from: u32, to: u32): void {
  const n = word(args, 0);
  const first = word(args, 1);
  const size = word(args, 2);
  const x = word(args, 3);
  const d = word(args, 4);
  const a = word(args, 5);
  for (let i = from; i < to; i++) {
    const row = element(x, i * n);
    const own = first + i;
    memory.copy(element(a, own * n), row, n << 2);
    for (let j: u32 = 0; j < n; j++) {
      if (j < first || j >= first + size) store<f32>(element(a, j * n + own), load<f32>(element(row, j)));
    }
    for (let j: u32 = 0; j < size; j++) {
      store<f32>(element(a, own * n + first + j), -load<f32>(element(d, i * size + j)));
    }
  }
}
