// Activations, plain and gated, and their gradients
//
//   forward   y = f(x)            or  y = f(x) u          (gated)
//   gradient  dx = dy f'(x)       or  dx = dy u f'(x),  du = dy f(x)
// f: relu; gelu_new (tanh form, Hugging Face NewGELUActivation); silu; abs_tanh_half, |2 sigmoid(x) − 1|, plain only. All tensors
// have size · width elements.
//
// Arguments: size; kind (0 relu, 1 gelu_new, 2 silu, 3 abs_tanh_half), width, elements of a unit (a multiple of four); tensors as listed
// at each entry. Units: that many consecutive elements.
// Plan: four elements at a time; one loop per kind. gelu_new and silu are x g with a gate g: ½ (1 + tanh z) is 1 / (1 +
// exp(−2 z)), which costs one exponential and stays precise where tanh is close to −1.
// Care: gelu's gate and slope are constant beyond ±100, so x is clamped there to avoid overflow in powers.
import { sigmoid4 } from './math';
import { element, madd, word } from './simd';
import { storeFirst } from './vectors';

const RELU: i32 = 0;
const GELU: i32 = 1;
const SILU: i32 = 2;
const ABS_TANH_HALF: i32 = 3;

const C: f32 = 0.7978845608028654; // √(2/π)
const A: f32 = 0.044715;

// @inline
function clamped(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, f32x4.splat(100)), f32x4.splat(-100)); // NaN stays
}

/** The factor of x in f(x), for abs_tanh_half the sigmoid; unused by relu. */
// @inline
function gateOf(kind: i32, x: v128): v128 {
  if (kind == RELU) return x;
  if (kind == SILU || kind == ABS_TANH_HALF) return sigmoid4(x);
  const c = clamped(x);
  const twice = madd(f32x4.splat(2 * C), f32x4.mul(c, c), f32x4.splat(2 * C * A));
  return sigmoid4(f32x4.mul(c, twice));
}

// @inline
function valueOf(kind: i32, x: v128, gate: v128): v128 {
  if (kind == ABS_TANH_HALF) return f32x4.abs(f32x4.sub(f32x4.add(gate, gate), f32x4.splat(1)));
  return kind == RELU ? f32x4.pmax(x, f32x4.splat(0)) : f32x4.mul(x, gate);
}

// @inline
function slopeOf(kind: i32, x: v128, gate: v128): v128 {
  const one = f32x4.splat(1);
  if (kind == RELU) return v128.and(one, f32x4.gt(x, f32x4.splat(0)));
  const rest = f32x4.sub(one, gate);
  if (kind == ABS_TANH_HALF) {
    const slope = f32x4.mul(f32x4.add(gate, gate), rest);
    const below = v128.and(f32x4.lt(x, f32x4.splat(0)), f32x4.neg(slope));
    return v128.or(v128.and(f32x4.gt(x, f32x4.splat(0)), slope), below); // 0 at the kink
  }
  if (kind == SILU) return f32x4.mul(gate, madd(one, x, rest));
  const c = clamped(x);
  const inner = madd(f32x4.splat(2 * C), f32x4.mul(c, c), f32x4.splat(6 * C * A));
  return f32x4.mul(gate, madd(one, f32x4.mul(c, rest), inner));
}

/** Computes four values of y and stores the first `count`. */
// @inline
function forwardFour(kind: i32, isGated: bool, x: usize, u: usize, y: usize, count: u32): void {
  const v = v128.load(x);
  const value = valueOf(kind, v, gateOf(kind, v));
  storeFirst(y, isGated ? f32x4.mul(value, v128.load(u)) : value, count);
}

// @inline
function forward(kind: i32, isGated: bool, args: usize, from: u32, to: u32): void {
  const unit = word(args, 3);
  const end = min(word(args, 0) * word(args, 2), to * unit);
  const x = word(args, 4);
  const u = word(args, 5);
  const y = word(args, isGated ? 6 : 5);
  let i = from * unit;
  for (; i + 4 <= end; i += 4) forwardFour(kind, isGated, element(x, i), element(u, i), element(y, i), 4);
  if (i < end) forwardFour(kind, isGated, element(x, i), element(u, i), element(y, i), end - i);
}

/** Computes four values of dx and du and stores the first `count`. */
// @inline
function backwardFour(kind: i32, isGated: bool, x: usize, dy: usize, dx: usize, u: usize, du: usize, count: u32): void {
  const v = v128.load(x);
  const dv = v128.load(dy);
  const gate = gateOf(kind, v);
  const slope = f32x4.mul(slopeOf(kind, v, gate), isGated ? f32x4.mul(dv, v128.load(u)) : dv);
  if (isGated) storeFirst(du, f32x4.mul(dv, valueOf(kind, v, gate)), count);
  storeFirst(dx, slope, count);
}

// @inline
function backward(kind: i32, isGated: bool, args: usize, from: u32, to: u32): void {
  const unit = word(args, 3);
  const end = min(word(args, 0) * word(args, 2), to * unit);
  let x = element(word(args, 4), from * unit);
  let dy = element(word(args, 5), from * unit);
  let dx = element(word(args, 6), from * unit);
  let u = isGated ? element(word(args, 7), from * unit) : 0;
  let du = isGated ? element(word(args, 8), from * unit) : 0;
  let rest = end - from * unit;
  for (; rest >= 4; rest -= 4) {
    backwardFour(kind, isGated, x, dy, dx, u, du, 4);
    x += 16;
    dy += 16;
    dx += 16;
    u += 16;
    du += 16;
  }
  if (rest > 0) backwardFour(kind, isGated, x, dy, dx, u, du, rest);
}

/** Tensors: x, y. */
export function activation(args: usize, from: u32, to: u32): void {
  const kind = word(args, 1);
  if (kind == RELU) forward(RELU, false, args, from, to);
  else if (kind == GELU) forward(GELU, false, args, from, to);
  else if (kind == SILU) forward(SILU, false, args, from, to);
  else forward(ABS_TANH_HALF, false, args, from, to);
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
  else if (kind == SILU) backward(SILU, false, args, from, to);
  else backward(ABS_TANH_HALF, false, args, from, to);
}

/** Tensors: x, dy, dx, u, du. */
export function gatedActivationGradient(args: usize, from: u32, to: u32): void {
  const kind = word(args, 1);
  if (kind == RELU) backward(RELU, true, args, from, to);
  else if (kind == GELU) backward(GELU, true, args, from, to);
  else backward(SILU, true, args, from, to);
}
