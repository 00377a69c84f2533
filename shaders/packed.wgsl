// Values of a packed frozen matrix, four adjacent ones in row-major order at a time
//
//   F16    two values a word                                    (exact copy of a checkpoint's f16)
//   BF16   two values a word, each the upper half of an f32     (exact copy of a checkpoint's bf16)
//   INT8   value = scale[i / 32] q,   q in -127 … 127, four a word
//   INT4   value = scale[i / 32] q,   q in -7 … 7, eight a word
//   UINT4  value = scale[i / 32] q + minimum[i / 32],   q in 0 … 15, eight a word
// Blocks of 32 adjacent values share an f32 scale, the largest |value| of the block over 127 or 7; with UINT4, a 15th of
// the block's range and the block's smallest value, as a pair. Scales follow the values, from word `scales` on. Blocks
// of a GGUF file may also hold -128 or -8. All arithmetic is f32.
// Care: core WGSL only, no device feature; shifting q to the top of an i32 and back extends its sign.
// This file is prepended to a kernel, which binds the words at {{BINDING}}.

#if HALF
@group(0) @binding({{BINDING}}) var<storage, read> packed: array<vec2u>;
#else
@group(0) @binding({{BINDING}}) var<storage, read> packed: array<u32>;
#endif

// Values 4 i to 4 i + 3.
fn unpacked(i: u32, scales: u32) -> vec4f {
#if F16
  let words = packed[i];
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
#endif
#if BF16
  let words = packed[i];
  return bitcast<vec4f>(vec4u(words.x << 16u, words.x & 0xffff0000u, words.y << 16u, words.y & 0xffff0000u));
#endif
#if INT8
  let word = packed[i];
  let q = vec4i(vec4u(word << 24u, word << 16u, word << 8u, word)) >> vec4u(24u);
  return bitcast<f32>(packed[scales + i / 8u]) * vec4f(q);
#endif
#if INT4
  let word = packed[i / 2u] >> (16u * (i & 1u));
  let q = vec4i(vec4u(word << 28u, word << 24u, word << 20u, word << 16u)) >> vec4u(28u);
  return bitcast<f32>(packed[scales + i / 8u]) * vec4f(q);
#endif
#if UINT4
  let word = packed[i / 2u] >> (16u * (i & 1u));
  let q = (vec4u(word) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
  let pair = scales + i / 8u * 2u;
  return bitcast<f32>(packed[pair]) * vec4f(q) + bitcast<f32>(packed[pair + 1u]);
#endif
}
