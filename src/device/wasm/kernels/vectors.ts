// Loops over vectors of floats, shared by several kernels
//
// Plan: four accumulators of four floats, since an addition takes about four cycles; the last one to three are added
// singly.
// Care: addresses are unsigned and may be close to 4 GiB, so ends are compared by differences. Sums go into a double
// after at most 1,024 elements, so errors do not grow with the length.
import { madd, sum4 } from './simd';

const BLOCK: usize = 4096; // bytes

/** Σ a b over `count` floats. */
export function dot(a: usize, b: usize, count: u32): f32 {
  let total: f64 = 0;
  const end = a + ((<usize>count) << 2);
  while (end - a > BLOCK) {
    total += dotOfBlock(a, b, a + BLOCK);
    a += BLOCK;
    b += BLOCK;
  }
  return <f32>(total + dotOfBlock(a, b, end));
}

function dotOfBlock(a: usize, b: usize, end: usize): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  while (end - a >= 64) {
    s0 = madd(s0, v128.load(a), v128.load(b));
    s1 = madd(s1, v128.load(a, 16), v128.load(b, 16));
    s2 = madd(s2, v128.load(a, 32), v128.load(b, 32));
    s3 = madd(s3, v128.load(a, 48), v128.load(b, 48));
    a += 64;
    b += 64;
  }
  while (end - a >= 16) {
    s0 = madd(s0, v128.load(a), v128.load(b));
    a += 16;
    b += 16;
  }
  let sum = sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  while (a < end) {
    sum += load<f32>(a) * load<f32>(b);
    a += 4;
    b += 4;
  }
  return sum;
}

/**
 * Stores the first `count` of four lanes. Loops that store to several places call it with a constant 4 and leave the
 * rest to another call, since values that live across a call are in memory, not in registers.
 */
// @inline
export function storeFirst(at: usize, four: v128, count: u32): void {
  if (count >= 4) v128.store(at, four);
  else storeRest(at, four, count);
}

function storeRest(at: usize, four: v128, count: u32): void {
  if (count > 0) store<f32>(at, f32x4.extract_lane(four, 0));
  if (count > 1) store<f32>(at, f32x4.extract_lane(four, 1), 4);
  if (count > 2) store<f32>(at, f32x4.extract_lane(four, 2), 8);
}
