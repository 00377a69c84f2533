// Activations, plain and gated, and their gradients
//
//   forward   y = f(x)            or  y = f(x) u          (gated)
//   gradient  dx = dy f'(x)       or  dx = dy u f'(x),  du = dy f(x)
// f: relu; gelu_new (tanh form, Hugging Face NewGELUActivation); silu. All tensors have size · width elements.
//
// Arguments: size; kind (0 relu, 1 gelu_new, 2 silu), width, elements of a unit (a multiple of four); tensors as listed at
// each entry. Units: that many neighbouring elements.
// Plan: four elements at a time; one loop for each kind. gelu_new and silu are x g with a gate g: ½ (1 + tanh z) is
// 1 / (1 + exp(−2 z)), which costs one exponential and keeps its digits where tanh is close to −1.
// Care: gelu's gate and slope do not change beyond ±100, where x is clamped inside so that powers do not overflow.
import { sigmoid4 } from './math';
import { element, madd, word } from './simd';
import { storeFirst } from './vectors';

const RELU: i32 = 0;
const GELU: i32 = 1;
const SILU: i32 = 2;

const C: f32 = 0.7978845608028654; // √(2/π)
const A: f32 = 0.044715;

// @inline
function clamped(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, f32x4.splat(100)), f32x4.splat(-100)); // NaN stays
}

/** The factor of x in f(x); relu has no use for it. */
// @inline
function gateOf(kind: i32, x: v128): v128 {
  if (kind == RELU) return x;
  if (kind == SILU) return sigmoid4(x);
  const c = clamped(x);
  const twice = madd(f32x4.splat(2 * C), f32x4.mul(c, c), f32x4.splat(2 * C * A));
  return sigmoid4(f32x4.mul(c, twice));
}

// @inline
function valueOf(kind: i32, x: v128, gate: v128): v128 {
  return kind == RELU ? f32x4.pmax(x, f32x4.splat(0)) : f32x4.mul(x, gate);
}

// @inline
function slopeOf(kind: i32, x: v128, gate: v128): v128 {
  const one = f32x4.splat(1);
  if (kind == RELU) return v128.and(one, f32x4.gt(x, f32x4.splat(0)));
  const rest = f32x4.sub(one, gate);
  if (kind == SILU) return f32x4.mul(gate, madd(one, x, rest));
  const c = clamped(x);
  const inner = madd(f32x4.splat(2 * C), f32x4.mul(c, c), f32x4.splat(6 * C * A));
  return f32x4.mul(gate, madd(one, f32x4.mul(c, rest), inner));
}

// @inline
function forward(kind: i32, isGated: bool, args: usize, from: u32, to: u32): void {
  const unit = word(args, 3);
  const end = min(word(args, 0) * word(args, 2), to * unit);
  const x = word(args, 4);
  const u = word(args, 5);
  const y = word(args, isGated ? 6 : 5);
  for (let i = from * unit; i < end; i += 4) {
    const v = v128.load(element(x, i));
    let value = valueOf(kind, v, gateOf(kind, v));
    if (isGated) value = f32x4.mul(value, v128.load(element(u, i)));
    storeFirst(element(y, i), value, end - i);
  }
}

// @inline
function backward(kind: i32, isGated: bool, args: usize, from: u32, to: u32): void {
  const unit = word(args, 3);
  const end = min(word(args, 0) * word(args, 2), to * unit);
  const x = word(args, 4);
  const dy = word(args, 5);
  const dx = word(args, 6);
  const u = isGated ? word(args, 7) : 0;
  const du = isGated ? word(args, 8) : 0;
  for (let i = from * unit; i < end; i += 4) {
    const v = v128.load(element(x, i));
    const gate = gateOf(kind, v);
    let dv = v128.load(element(dy, i));
    if (isGated) {
      storeFirst(element(du, i), f32x4.mul(dv, valueOf(kind, v, gate)), end - i);
      dv = f32x4.mul(dv, v128.load(element(u, i)));
    }
    storeFirst(element(dx, i), f32x4.mul(dv, slopeOf(kind, v, gate)), end - i);
  }
}

/** Tensors: x, y. */
export function activation(args: usize, from: u32, to: u32): void {
  const kind = word(args, 1);
  if (kind == RELU) forward(RELU, false, args, from, to);
  else if (kind == GELU) forward(GELU, false, args, from, to);
  else forward(SILU, false, args, from, to);
}

/** Tensors: x, u, y. */
export function gatedActivation(args: usize, from: u32, to: u32): void {
  const kind = word(args, 1);
  if (kind == RELU) forward(RELU, true, args, from, to);
  else if (kind == GELU) forward(GELU, true, args, from, to);
  else forward(SILU, true, args, from, to);
}

/** Tensors: x, dy, dx. */
export function activationGradient(args: usize, from: u32, to: u32): void {
  const kind = word(args, 1);
  if (kind == RELU) backward(RELU, false, args, from, to);
  else if (kind == GELU) backward(GELU, false, args, from, to);
  else backward(SILU, false, args, from, to);
}

/** Tensors: x, dy, dx, u, du. */
export function gatedActivationGradient(args: usize, from: u32, to: u32): void {
  const kind = word(args, 1);
  if (kind == RELU) backward(RELU, true, args, from, to);
  else if (kind == GELU) backward(GELU, true, args, from, to);
  else backward(SILU, true, args, from, to);
}
