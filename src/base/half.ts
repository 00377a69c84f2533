/** Conversions between float32 and the 16-bit float formats of weight files. Arrays of bits hold one value per element. */

/** The float32 bit pattern of an IEEE 754 binary16 pattern. Exact: every half has a float32 of the same value. */
function float32BitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal half is a normal float32: shift its leading one up to the implicit bit.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** The binary16 pattern nearest to a float32 pattern; ties go to the even one, values too large become infinity. */
function halfOfFloat32Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  // Set the quiet bit so that NaN stays NaN: the part of the payload that fits may be zero.
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  // 65520 lies half way between the largest half, 65504, and the next power of two.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  const exponent = magnitude >>> 23;
  if (exponent >= 113) {
    const rebased = magnitude - (112 << 23);
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // Below 2⁻²⁵, half of the smallest half.
  if (exponent < 102) return sign;
  // A subnormal half counts in units of 2⁻²⁴; a carry into the exponent rightly gives the smallest normal half.
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  return sign | ((fraction + (1 << (shift - 1)) - 1 + ((fraction >>> shift) & 1)) >>> shift);
}

const oneBits = new Uint32Array(1);
const oneValue = new Float32Array(oneBits.buffer);

/** The value of one F16 pattern, exact. */
export function valueOfHalf(half: number): number {
  oneBits[0] = float32BitsOfHalf(half);
  return oneValue[0];
}

/** F16 → float32, exact, including infinities, NaN payloads, signed zeros and subnormals. */
export function halfToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = float32BitsOfHalf(halves[i]);
  return new Float32Array(bits.buffer);
}

/** float32 → F16, round to nearest, ties to even (IEEE 754, like `torch.Tensor.half` and WGSL's `pack2x16float`). */
export function float32ToHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) halves[i] = halfOfFloat32Bits(bits[i]);
  return halves;
}

/** BF16 → float32, exact: a bfloat16 is the upper half of a float32. */
export function bfloat16ToFloat32(values: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = values[i] << 16;
  return new Float32Array(bits.buffer);
}

/** float32 → BF16, round to nearest, ties to even; NaN stays NaN. Exact for values from {@link bfloat16ToFloat32}. */
export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const uppers = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const isNaN = (bits[i] & 0x7fffffff) > 0x7f800000;
    uppers[i] = (isNaN ? bits[i] | 0x400000 : bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) >>> 16;
  }
  return uppers;
}
