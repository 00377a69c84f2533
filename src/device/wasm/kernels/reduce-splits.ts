// Sum of parts  C = Σ_s partial[s],  partial [splits, size], C [size]
//
// Arguments: size, splits, then six words that only this kernel's WGSL needs; elements of a unit (a multiple of 16);
// partial, C. Units: that many consecutive elements.
// Plan: 16 elements at a time over all parts, summed in order of s.
import { element, word } from './simd';
import { storeFirst } from './vectors';

export function sumOfParts(args: usize, from: u32, to: u32): void {
  const size = word(args, 0);
  const splits = word(args, 1);
  const unit = word(args, 8);
  const partial = word(args, 9);
  const C = word(args, 10);
  const end = min(size, to * unit);
  let i = from * unit;
  for (; end - i >= 16; i += 16) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    for (let s: u32 = 0; s < splits; s++) {
      const part = element(partial, s * size + i);
      s0 = f32x4.add(s0, v128.load(part));
      s1 = f32x4.add(s1, v128.load(part, 16));
      s2 = f32x4.add(s2, v128.load(part, 32));
      s3 = f32x4.add(s3, v128.load(part, 48));
    }
    const sums = element(C, i);
    v128.store(sums, s0);
    v128.store(sums, s1, 16);
    v128.store(sums, s2, 32);
    v128.store(sums, s3, 48);
  }
  for (; i < end; i += 4) {
    let sum = f32x4.splat(0);
    for (let s: u32 = 0; s < splits; s++) sum = f32x4.add(sum, v128.load(element(partial, s * size + i)));
    storeFirst(element(C, i), sum, end - i);
  }
}
