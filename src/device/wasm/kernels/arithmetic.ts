// Elementwise sums
//
//   addScaled      out = alpha a + beta b
//   addScaledInto  out = alpha a + beta out
//   scaleRows      out[r, c] = alpha a[r, c] weight[r]      weight [rows]; masks padded rows
//   addToRows      out[r, c] = alpha a[r, c] + beta b[c]       b [columns]; the bias of a linear layer
//   scaled         out = alpha a
//   sign           out = sign(a): −1, 0 or 1; NaN stays
//   unit           out = a / (√b[0] + alpha)                   b [1]: ‖a‖²
// `size` elements, rows of `columns`.
//
// Arguments: size, columns, alpha, beta; elements of a unit (a multiple of four; scaleRows and addToRows have none); tensors as listed at
// each entry. Units: that many neighbouring elements; of scaleRows and addToRows a row.
// Plan: four elements at a time.
import { element, float, madd, word } from './simd';
import { storeFirst } from './vectors';

/** Tensors: a, b, out. */
export function addScaled(args: usize, from: u32, to: u32): void {
  sum(args, from, to, word(args, 6), word(args, 7));
}

/** Tensors: a, out. */
export function addScaledInto(args: usize, from: u32, to: u32): void {
  sum(args, from, to, word(args, 6), word(args, 6));
}

function sum(args: usize, from: u32, to: u32, b: usize, out: usize): void {
  const alpha = f32x4.splat(float(args, 2));
  const beta = f32x4.splat(float(args, 3));
  const unit = word(args, 4);
  const a = word(args, 5);
  const end = min(word(args, 0), to * unit);
  for (let i = from * unit; i < end; i += 4) {
    const scaled = f32x4.mul(beta, v128.load(element(b, i)));
    storeFirst(element(out, i), madd(scaled, alpha, v128.load(element(a, i))), end - i);
  }
}

/** Tensors: a, weight, out. */
export function scaleRows(args: usize, from: u32, to: u32): void {
  const columns = word(args, 1);
  const alpha = float(args, 2);
  const a = word(args, 4);
  const weight = word(args, 5);
  const out = word(args, 6);
  for (let row = from; row < to; row++) {
    const factor = f32x4.splat(alpha * load<f32>(element(weight, row)));
    for (let c: u32 = 0; c < columns; c += 4) {
      const at = row * columns + c;
      storeFirst(element(out, at), f32x4.mul(factor, v128.load(element(a, at))), columns - c);
    }
  }
}

/** Tensors: a, b, out. */
export function addToRows(args: usize, from: u32, to: u32): void {
  const columns = word(args, 1);
  const alpha = f32x4.splat(float(args, 2));
  const beta = f32x4.splat(float(args, 3));
  const a = word(args, 4);
  const b = word(args, 5);
  const out = word(args, 6);
  for (let row = from; row < to; row++) {
    for (let c: u32 = 0; c < columns; c += 4) {
      const at = row * columns + c;
      const added = f32x4.mul(beta, v128.load(element(b, c)));
      storeFirst(element(out, at), madd(added, alpha, v128.load(element(a, at))), columns - c);
    }
  }
}

/** Tensors: a, out. */
export function scaled(args: usize, from: u32, to: u32): void {
  const alpha = f32x4.splat(float(args, 2));
  const unit = word(args, 4);
  const a = word(args, 5);
  const out = word(args, 6);
  const end = min(word(args, 0), to * unit);
  for (let i = from * unit; i < end; i += 4) {
    storeFirst(element(out, i), f32x4.mul(alpha, v128.load(element(a, i))), end - i);
  }
}

/** Tensors: a, out. */
export function sign(args: usize, from: u32, to: u32): void {
  const unit = word(args, 4);
  const a = word(args, 5);
  const out = word(args, 6);
  const end = min(word(args, 0), to * unit);
  const zero = f32x4.splat(0);
  for (let i = from * unit; i < end; i += 4) {
    const x = v128.load(element(a, i));
    const above = v128.and(f32x4.gt(x, zero), f32x4.splat(1));
    const below = v128.and(f32x4.lt(x, zero), f32x4.splat(-1));
    storeFirst(element(out, i), v128.bitselect(v128.or(above, below), x, f32x4.eq(x, x)), end - i);
  }
}

/** Tensors: a, b, out. */
export function unit(args: usize, from: u32, to: u32): void {
  const size = word(args, 4);
  const a = word(args, 5);
  const length = f32x4.splat(sqrt(load<f32>(word(args, 6))) + float(args, 2));
  const out = word(args, 7);
  const end = min(word(args, 0), to * size);
  for (let i = from * size; i < end; i += 4) {
    storeFirst(element(out, i), f32x4.div(v128.load(element(a, i)), length), end - i);
  }
}
