// Functions without a WebAssembly instruction, of four floats and of one
//
//   exp   0 where the result would be below the smallest normal float (x < -87.34), Infinity above 88.72
//   log   -Infinity for 0, NaN below 0, Infinity for Infinity; also correct for subnormal numbers
// Both are within one unit in the last place, and NaN stays NaN.
//
// Plan: the coefficients are from Cephes (expf, logf): reduction by multiples of ln 2, split into two parts so that the
// first product is exact, then a polynomial.
// Care: exp flushes subnormal results to 0, since they slow arithmetic a hundredfold on some processors.
import { madd, nmadd } from './simd';

// Engines rebuild a constant vector at every use, which is slower than reading it.
const TABLE: usize = memory.data<f32>([
  // exp: 1 / ln 2; 1.5 · 2²³, whose addition rounds to an integer in the low bits of the sum; ln 2 in two parts, the
  // first exact when multiplied by any exponent n; the polynomial, highest power first
  1.44269504088896341,
  12582912,
  0.693359375,
  -2.1219444e-4,
  1.98756915e-4,
  1.3981999507e-3,
  8.3334519073e-3,
  4.1665795894e-2,
  1.6666665459e-1,
  5.0000001201e-1,
  // 1; Infinity; the last floats before ln of the smallest normal float and before ln of the largest
  1,
  Infinity,
  -87.3365402,
  88.7228317,
  // log: the polynomial, highest power first
  7.0376836292e-2,
  -1.151461031e-1,
  1.167699874e-1,
  -1.2420140846e-1,
  1.4249322787e-1,
  -1.6668057665e-1,
  2.0000714765e-1,
  -2.4999993993e-1,
  3.3333331174e-1,
]);
const LOG2_E = 0;
const ROUNDING = 1;
const LN2_HIGH = 2;
const LN2_LOW = 3;
const EXP_POLYNOMIAL = 4;
const ONE = 10;
const INFINITE = 11;
const EXP_BOTTOM = 12;
const EXP_TOP = 13;
const LOG_POLYNOMIAL = 14;
const SMALLEST_NORMAL: f32 = 1.17549435e-38;
const HALF_ROOT_BITS: i32 = 0x3f3504f3; // of √½

// @inline
function constant(i: usize): v128 {
  return v128.load32_splat(TABLE + (i << 2));
}

/** eˣ of four floats. */
// @inline
export function exp4(x: v128): v128 {
  const rounded = madd(constant(ROUNDING), x, constant(LOG2_E));
  const n = f32x4.sub(rounded, constant(ROUNDING));
  const r = nmadd(nmadd(x, n, constant(LN2_HIGH)), n, constant(LN2_LOW)); // |r| ≤ ln 2 / 2
  let p = madd(constant(EXP_POLYNOMIAL + 1), r, constant(EXP_POLYNOMIAL));
  p = madd(constant(EXP_POLYNOMIAL + 2), p, r);
  p = madd(constant(EXP_POLYNOMIAL + 3), p, r);
  p = madd(constant(EXP_POLYNOMIAL + 4), p, r);
  p = madd(constant(EXP_POLYNOMIAL + 5), p, r);
  p = f32x4.add(madd(r, f32x4.mul(r, r), p), constant(ONE));
  // 2ⁿ p: adds n to the exponent. The masks replace the garbage for NaN and values out of range.
  const scaled = i32x4.add(p, i32x4.shl(rounded, 23));
  const beyond = f32x4.add(x, constant(INFINITE)); // Infinity, or NaN
  const upward = v128.bitselect(scaled, beyond, f32x4.le(x, constant(EXP_TOP)));
  return v128.andnot(upward, f32x4.lt(x, constant(EXP_BOTTOM)));
}

/** 1 / (1 + e⁻ˣ) of four floats. */
// @inline
export function sigmoid4(x: v128): v128 {
  const one = constant(ONE);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/** ln x of four floats. */
// @inline
function log4(x: v128): v128 {
  const isSmall = f32x4.lt(x, f32x4.splat(SMALLEST_NORMAL));
  const bits = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, isSmall); // 2²³ x: never subnormal
  const e = i32x4.shr_s(i32x4.sub(bits, i32x4.splat(HALF_ROOT_BITS)), 23);
  const m = i32x4.sub(bits, i32x4.shl(e, 23)); // as a float in [√½, √2)
  const exponent = f32x4.sub(f32x4.convert_i32x4_s(e), v128.and(isSmall, f32x4.splat(23)));
  const f = f32x4.sub(m, f32x4.splat(1));
  let p = madd(constant(LOG_POLYNOMIAL + 1), f, constant(LOG_POLYNOMIAL));
  p = madd(constant(LOG_POLYNOMIAL + 2), p, f);
  p = madd(constant(LOG_POLYNOMIAL + 3), p, f);
  p = madd(constant(LOG_POLYNOMIAL + 4), p, f);
  p = madd(constant(LOG_POLYNOMIAL + 5), p, f);
  p = madd(constant(LOG_POLYNOMIAL + 6), p, f);
  p = madd(constant(LOG_POLYNOMIAL + 7), p, f);
  p = madd(constant(LOG_POLYNOMIAL + 8), p, f);
  const square = f32x4.mul(f, f);
  let y = madd(f32x4.mul(f32x4.mul(square, f), p), exponent, constant(LN2_LOW));
  y = f32x4.add(f, nmadd(y, f32x4.splat(0.5), square));
  y = madd(y, exponent, constant(LN2_HIGH));
  const infinity = constant(INFINITE);
  const upward = v128.bitselect(infinity, y, f32x4.eq(x, infinity));
  const atZero = v128.bitselect(f32x4.neg(infinity), f32x4.splat(NaN), f32x4.eq(x, f32x4.splat(0)));
  return v128.bitselect(upward, atZero, f32x4.gt(x, f32x4.splat(0)));
}

/** eˣ of one float, the same as of four. */
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** ln x of one float, the same as of four. */
export function log1(x: f32): f32 {
  return f32x4.extract_lane(log4(f32x4.splat(x)), 0);
}
