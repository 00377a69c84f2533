// Inner products of rows with one vector, for products with up to three columns (a token at a time)
//
//   to[i] = alpha Σ_k a[i, k] x[k]
//
// Plan: four rows at a time share the loads of x, with two sums each, so that eight sums run in parallel.
// Care: a single row is summed in the same order as one of four.
import { madd, sum4 } from './simd';

/** Inner products of up to four rows of k floats each; results are `ldTo` bytes apart. */
export function dots(rows: u32, a: usize, lda: usize, x: usize, k: u32, alpha: f32, to: usize, ldTo: usize): void {
  if (rows == 4) {
    fourDots(a, lda, x, k, alpha, to, ldTo);
    return;
  }
  for (; rows; rows--, a += lda, to += ldTo) oneDot(a, x, k, alpha, to);
}

function oneDot(a: usize, x: usize, k: u32, alpha: f32, to: usize): void {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let left = k >> 3;
  while (left) {
    s0 = madd(s0, v128.load(a), v128.load(x));
    s1 = madd(s1, v128.load(a, 16), v128.load(x, 16));
    a += 32;
    x += 32;
    left--;
  }
  store<f32>(to, alpha * (sum4(f32x4.add(s0, s1)) + rest(a, x, k & 7)));
}

function fourDots(a: usize, lda: usize, x: usize, k: u32, alpha: f32, to: usize, ldTo: usize): void {
  let a1 = a + lda;
  let a2 = a1 + lda;
  let a3 = a2 + lda;
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let t0 = f32x4.splat(0);
  let t1 = f32x4.splat(0);
  let t2 = f32x4.splat(0);
  let t3 = f32x4.splat(0);
  let left = k >> 3;
  while (left) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    s0 = madd(s0, v128.load(a), x0);
    t0 = madd(t0, v128.load(a, 16), x1);
    s1 = madd(s1, v128.load(a1), x0);
    t1 = madd(t1, v128.load(a1, 16), x1);
    s2 = madd(s2, v128.load(a2), x0);
    t2 = madd(t2, v128.load(a2, 16), x1);
    s3 = madd(s3, v128.load(a3), x0);
    t3 = madd(t3, v128.load(a3, 16), x1);
    a += 32;
    a1 += 32;
    a2 += 32;
    a3 += 32;
    x += 32;
    left--;
  }
  store<f32>(to, alpha * (sum4(f32x4.add(s0, t0)) + rest(a, x, k & 7)));
  store<f32>(to + ldTo, alpha * (sum4(f32x4.add(s1, t1)) + rest(a1, x, k & 7)));
  store<f32>(to + 2 * ldTo, alpha * (sum4(f32x4.add(s2, t2)) + rest(a2, x, k & 7)));
  store<f32>(to + 3 * ldTo, alpha * (sum4(f32x4.add(s3, t3)) + rest(a3, x, k & 7)));
}

// @inline
function rest(a: usize, x: usize, k: u32): f32 {
  let sum: f32 = 0;
  for (let i: usize = 0; i < k << 2; i += 4) sum += load<f32>(a + i) * load<f32>(x + i);
  return sum;
}
