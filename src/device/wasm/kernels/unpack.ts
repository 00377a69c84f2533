// Reads a packed frozen matrix into floats (layouts: `shaders/packed.wgsl`)
//
//   F16, BF16   16-bit floats
//   INT8, INT4  value i = scale[i / 32] q[i]; the scales, f32, follow the values
//   UINT4       value i = scale[i / 32] q[i] + minimum[i / 32]; the pairs, f32, follow the values
//
// Plan: `unpackRow` reads consecutive values from any index: one at a time up to a multiple of four (halves) or 32
// (integers), then vectors.
// Care: every value is exact: halves preserve subnormals, Infinity and NaN; q times its scale is rounded once, and so
// is its sum with a minimum.

export const F32: u32 = 0;
export const F16: u32 = 1;
export const BF16: u32 = 2;
export const INT8: u32 = 3;
const UINT4: u32 = 5;

// Converts four halves, in the lower 16 bits of lanes, to floats.
// @inline
function halves(h: v128): v128 {
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  const bits = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const exponent = v128.and(bits, i32x4.splat(0x0f800000));
  const normal = i32x4.add(bits, i32x4.splat(112 << 23));
  const infinite = v128.and(i32x4.eq(exponent, i32x4.splat(0x0f800000)), i32x4.splat(112 << 23));
  // A subnormal's bits after the exponent of 2^-14, minus 2^-14.
  const small = f32x4.sub(i32x4.add(normal, i32x4.splat(1 << 23)), i32x4.splat(113 << 23));
  const value = v128.bitselect(small, i32x4.add(normal, infinite), i32x4.eq(exponent, i32x4.splat(0)));
  return v128.or(value, sign);
}

function unpackOne(packing: u32, words: usize, scales: usize, i: u32): f32 {
  if (packing == F16) return f32x4.extract_lane(halves(i32x4.splat(load<u16>(words + ((<usize>i) << 1)))), 0);
  if (packing == BF16) return reinterpret<f32>((<u32>load<u16>(words + ((<usize>i) << 1))) << 16);
  if (packing == UINT4) {
    const pair = scales + ((<usize>(i >> 5)) << 3);
    return load<f32>(pair) * <f32>((load<u8>(words + (i >> 1)) >> <u8>(4 * (i & 1))) & 15) + load<f32>(pair, 4);
  }
  const scale = load<f32>(scales + ((<usize>(i >> 5)) << 2));
  if (packing == INT8) return scale * <f32>load<i8>(words + i);
  return scale * <f32>(((<i32>load<u8>(words + (i >> 1))) << (28 - 4 * (i & 1))) >> 28);
}

// Writes sixteen 8-bit integers times a scale to 64 bytes.
// @inline
function scaled(q: v128, scale: v128, to: usize): void {
  const low = i16x8.extend_low_i8x16_s(q);
  const high = i16x8.extend_high_i8x16_s(q);
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low))));
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low))), 16);
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high))), 32);
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high))), 48);
}

// Writes sixteen integers from 0 to 15 times a scale, plus a minimum, to 64 bytes.
// @inline
function shifted(q: v128, scale: v128, minimum: v128, to: usize): void {
  scaled(q, scale, to);
  v128.store(to, f32x4.add(v128.load(to), minimum));
  v128.store(to, f32x4.add(v128.load(to, 16), minimum), 16);
  v128.store(to, f32x4.add(v128.load(to, 32), minimum), 32);
  v128.store(to, f32x4.add(v128.load(to, 48), minimum), 48);
}

/** Reads values [i, i + count) of a matrix at `words` into floats at `to`. @param scales address of the first scale. */
export function unpackRow(packing: u32, words: usize, scales: usize, i: u32, count: u32, to: usize): void {
  const end = i + count;
  const group: u32 = packing < INT8 ? 4 : 32;
  const aligned = min(end, (i + group - 1) & ~(group - 1));
  for (; i < aligned; i++, to += 4) store<f32>(to, unpackOne(packing, words, scales, i));
  if (packing == F16) {
    for (; i + 4 <= end; i += 4, to += 16) v128.store(to, halves(v128.load16x4_u(words + ((<usize>i) << 1))));
  } else if (packing == BF16) {
    for (; i + 4 <= end; i += 4, to += 16) v128.store(to, i32x4.shl(v128.load16x4_u(words + ((<usize>i) << 1)), 16));
  } else if (packing == INT8) {
    for (; i + 32 <= end; i += 32, to += 128) {
      const scale = v128.load32_splat(scales + ((<usize>(i >> 5)) << 2));
      scaled(v128.load(words + i), scale, to);
      scaled(v128.load(words + i, 16), scale, to + 64);
    }
  } else if (packing == UINT4) {
    for (; i + 32 <= end; i += 32, to += 128) {
      const pair = scales + ((<usize>(i >> 5)) << 3);
      const scale = v128.load32_splat(pair);
      const minimum = v128.load32_splat(pair, 4);
      const q = v128.load(words + (i >> 1));
      const even = v128.and(q, i8x16.splat(15));
      const odd = i8x16.shr_u(q, 4);
      shifted(i8x16.shuffle(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), scale, minimum, to);
      shifted(
        i8x16.shuffle(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
        scale,
        minimum,
        to + 64,
      );
    }
  } else {
    for (; i + 32 <= end; i += 32, to += 128) {
      const scale = v128.load32_splat(scales + ((<usize>(i >> 5)) << 2));
      const q = v128.load(words + (i >> 1));
      const even = i8x16.shr_s(i8x16.shl(q, 4), 4);
      const odd = i8x16.shr_s(q, 4);
      scaled(i8x16.shuffle(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), scale, to);
      scaled(i8x16.shuffle(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), scale, to + 64);
    }
  }
  for (; i < end; i++, to += 4) store<f32>(to, unpackOne(packing, words, scales, i));
}
