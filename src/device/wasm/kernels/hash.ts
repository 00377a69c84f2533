// Pseudo-random words by the hash of the WGSL kernels (PCG style, Jarzynski & Olano 2020), so both draw the same bits
//
// Plan: four words at a time. No instruction shifts each lane by its own amount, but the upper half of the product
// state · 2²⁸⁻ᵏ is state >> (4 + k). Constants are in memory, see math.ts.

const TABLE: usize = memory.data<u32>([747796405, 2891336453, 277803737, 155]);

// @inline
function constant(i: usize): v128 {
  return v128.load32_splat(TABLE + (i << 2));
}

/** The hash of one word. */
export function hash1(word: u32): u32 {
  const state = word * 747796405 + 2891336453;
  const mixed = ((state >> ((state >> 28) + 4)) ^ state) * 277803737;
  return (mixed >> 22) ^ mixed;
}

/** The hash of four words. */
// @inline
export function hash4(words: v128): v128 {
  const state = i32x4.add(i32x4.mul(words, constant(0)), constant(1));
  const k = i32x4.shr_u(state, 28);
  const power = toWhole(i32x4.shl(i32x4.sub(constant(3), k), 23)); // 155 is the exponent of 2²⁸
  const low = i64x2.extmul_low_i32x4_u(state, power);
  const high = i64x2.extmul_high_i32x4_u(state, power);
  const shifted = v128.shuffle<i32>(low, high, 1, 3, 5, 7);
  const mixed = i32x4.mul(v128.xor(shifted, state), constant(2));
  return v128.xor(i32x4.shr_u(mixed, 22), mixed);
}

/** Converts whole numbers below 2³¹ to integers. */
// @inline
function toWhole(floats: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_trunc_f32x4_s(floats);
  return i32x4.trunc_sat_f32x4_s(floats);
}
