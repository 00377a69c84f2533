// Exponential and logarithm of four floats.
//
//   exp4   e^x: x = n ln 2 + r, |r| <= ln 2 / 2, e^x = 2^n e^r; e^r by a polynomial of degree 6
//   log1   ln x of one float
//
// Care: ln 2 is subtracted in two parts, so that r is exact to the last bit. Below -126 ln 2, where the result is no
// normal number, e^x is 0; above the largest float it is Infinity; NaN stays NaN. Errors: 1 ulp, 2 ulp at most.
// Coefficients of exp: Cephes (Moshier), expf.
import { madd } from './simd';

/** e^x of four floats; -Infinity gives exactly 0. */
// @inline
export function exp4(x: v128): v128 {
  const v = f32x4.max(f32x4.min(x, f32x4.splat(88.8)), f32x4.splat(-87.4)); // NaN stays NaN
  const n = f32x4.nearest(f32x4.mul(v, f32x4.splat(1.44269504088896341)));
  let r = madd(v, n, f32x4.splat(-0.693359375));
  r = madd(r, n, f32x4.splat(2.1219444e-4));
  let p = madd(f32x4.splat(1.3981999507e-3), f32x4.splat(1.98756915e-4), r);
  p = madd(f32x4.splat(8.3334519073e-3), p, r);
  p = madd(f32x4.splat(4.1665795894e-2), p, r);
  p = madd(f32x4.splat(1.6666665459e-1), p, r);
  p = madd(f32x4.splat(5.0000001201e-1), p, r);
  p = f32x4.add(madd(r, p, f32x4.mul(r, r)), f32x4.splat(1));
  // 2^n in two factors, since 2^128 is no float while e^88.7 is one.
  const i = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(i, 1);
  const low = i32x4.shl(i32x4.add(half, i32x4.splat(127)), 23);
  const high = i32x4.shl(i32x4.add(i32x4.sub(i, half), i32x4.splat(127)), 23);
  const y = f32x4.mul(f32x4.mul(p, low), high);
  return v128.andnot(y, f32x4.lt(x, f32x4.splat(-87.33654)));
}

/** ln x of one float, 2 ulp at most; -Infinity at 0, NaN below. */
// @inline
export function log1(x: f32): f32 {
  return <f32>Math.log(<f64>x);
}
