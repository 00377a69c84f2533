// Inverted dropout  y = x keep / (1 − rate) [+ d],  keep ~ Bernoulli(1 − rate)
//
// x, y: `size` elements; step u32 [1]. The mask depends only on (step, salt, index), with the same bits as in
// shaders/dropout.wgsl. The gradient is the same kernel applied to dy.
//
// Arguments: size, salt, rate; elements of a unit (a multiple of four), 1 or 0 for d; x, step, y, d. Units: that
// many consecutive elements.
// Plan: four elements at a time.
// Care: WGSL compares the upper 24 bits, as a float below 1, with the rate. Both times 2²⁴ are exact, so the bits are
// compared with the next integer instead.
import { hash1, hash4 } from './hash';
import { element, float, word } from './simd';
import { storeFirst } from './vectors';

export function dropout(args: usize, from: u32, to: u32): void {
  const rate = float(args, 2);
  const unit = word(args, 3);
  const x = word(args, 5);
  const y = word(args, 7);
  const d = word(args, 4) ? word(args, 8) : 0;
  const key = hash1(word(args, 1) ^ hash1(load<u32>(word(args, 6))));
  const limit = i32x4.splat(<i32>ceil<f32>(rate * 16777216));
  const share = f32x4.splat(1 - rate);
  const end = min(word(args, 0), to * unit);
  const keys = i32x4.splat(key);
  const four = i32x4.splat(4);
  let index = i32x4.add(i32x4.splat(from * unit), i32x4(0, 1, 2, 3));
  for (let i = from * unit; i < end; i += 4) {
    const bits = i32x4.shr_u(hash4(v128.xor(index, keys)), 8);
    index = i32x4.add(index, four);
    const scaled = f32x4.div(v128.load(element(x, i)), share);
    let kept = v128.andnot(scaled, i32x4.lt_s(bits, limit));
    if (d) kept = f32x4.add(kept, v128.load(element(d, i)));
    storeFirst(element(y, i), kept, end - i);
  }
}
