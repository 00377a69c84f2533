// Helpers of every kernel: operations on four floats, and access to a call's words.
//
// A line `// @inline` above a function stands for AssemblyScript's decorator, which is not TypeScript; the build
// inserts it.
//
// A call's words (`args`), 4 bytes each: the parameters, the constants, then the byte addresses of the tensors.

/** acc + a b, rounded once if the engine has relaxed SIMD and the processor a fused multiply-add. */
// @inline
export function madd(acc: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, acc);
  return f32x4.add(acc, f32x4.mul(a, b));
}

/** acc − a b, rounded like {@link madd}. */
// @inline
export function nmadd(acc: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, acc);
  return f32x4.sub(acc, f32x4.mul(a, b));
}

/** The sum of four floats: (0 + 1) + (2 + 3). */
// @inline
export function sum4(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** The largest of four floats; NaN if any is NaN. */
// @inline
export function max4(v: v128): f32 {
  return max<f32>(
    max<f32>(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max<f32>(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** Word i of a call as an unsigned integer or an address. */
// @inline
export function word(args: usize, i: u32): u32 {
  return load<u32>(args + ((<usize>i) << 2));
}

/** Word i of a call as a float. */
// @inline
export function float(args: usize, i: u32): f32 {
  return load<f32>(args + ((<usize>i) << 2));
}

/** Address of element i of a tensor with 4-byte elements. */
// @inline
export function element(base: usize, i: u32): usize {
  return base + ((<usize>i) << 2);
}
