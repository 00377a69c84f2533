// Values of a frozen matrix that is stored packed: four neighbours of row-major order at a time
//
//   F16    two halfs a word;  BF16   two upper halfs of f32 a word
//   INT8   value = scale[i / 32] q, four a word;  INT4   the same, eight a word
// The layouts are those of shaders/packed.wgsl; scales follow the values.
//
// Care: a half becomes a float by moving its bits and one exact product with 2¹¹², which is right for subnormal halfs, too;
// Infinity and NaN get the exponent of a float's.

export const F16: u32 = 1;
export const BF16: u32 = 2;
export const INT8: u32 = 3;
export const INT4: u32 = 4;

export class Packed {
  /** Values 4 i to 4 i + 3. `scales` is the address of the first scale. */
  @inline
  static four(packing: u32, values: usize, scales: usize, i: u32): v128 {
    if (packing == F16) return Packed.half(v128.load16x4_u(values + ((<usize>i) << 3)));
    if (packing == BF16) return i32x4.shl(v128.load16x4_u(values + ((<usize>i) << 3)), 16);
    const scale = f32x4.splat(load<f32>(scales + ((<usize>(i >> 3)) << 2)));
    if (packing == INT8) {
      const words = i16x8.extend_low_i8x16_s(v128.load32_zero(values + ((<usize>i) << 2)));
      return f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words)));
    }
    // Each lane moves its four bits to the top, and back with their sign.
    const bits = i32x4.splat(load<u16>(values + ((<usize>i) << 1)));
    const tops = i32x4.mul(bits, i32x4(1 << 28, 1 << 24, 1 << 20, 1 << 16));
    return f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.shr_s(tops, 28)));
  }

  @inline
  static half(bits: v128): v128 {
    const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
    const finite = f32x4.mul(magnitude, f32x4.splat(5192296858534827628530496329220096)); // 2¹¹²
    const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x0f7fffff)), i32x4.splat(0x7f800000));
    const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
    return v128.or(v128.or(finite, special), sign);
  }
}
