import { GorpError } from '../base/errors.ts';
import { bfloat16ToFloat32, halfToFloat32 } from '../base/half.ts';

/**
 * Bits per element of every safetensors dtype, in the format's alignment order (`Dtype` in safetensors/src/tensor.rs),
 * by which writers sort tensors.
 */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** Element type of a tensor in a safetensors file, by its name in the format. */
export type Dtype = keyof typeof DTYPE_BITS;

export const isDtype = (name: unknown): name is Dtype => typeof name === 'string' && Object.hasOwn(DTYPE_BITS, name);

/**
 * Bytes of a tensor of this dtype and shape; null if the elements do not fill whole bytes (sub-byte dtypes) or a double
 * cannot count the bits exactly.
 */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number | null {
  let bits: number = DTYPE_BITS[dtype];
  for (const size of shape) {
    bits *= size;
    if (!Number.isSafeInteger(bits)) return null;
  }
  return bits % 8 === 0 ? bits / 8 : null;
}

/** The bytes, copied if their alignment rules out a typed array of `size`-byte elements. */
function aligned(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

/** A tensor's elements in memory. F16 and BF16 become float32; types without a JavaScript array stay bytes. */
export type TensorData =
  | { dtype: 'F32' | 'F16' | 'BF16'; data: Float32Array }
  | { dtype: 'F64'; data: Float64Array }
  | { dtype: 'I8'; data: Int8Array }
  | { dtype: 'I16'; data: Int16Array }
  | { dtype: 'U16'; data: Uint16Array }
  | { dtype: 'I32'; data: Int32Array }
  | { dtype: 'U32'; data: Uint32Array }
  | { dtype: 'I64'; data: BigInt64Array }
  | { dtype: 'U64'; data: BigUint64Array }
  | {
      dtype: Exclude<Dtype, 'F32' | 'F16' | 'BF16' | 'F64' | 'I8' | 'I16' | 'U16' | 'I32' | 'U32' | 'I64' | 'U64'>;
      data: Uint8Array;
    };

/**
 * The elements in `bytes`, little-endian like the format and every machine with WebGPU. The result may share memory
 * with `bytes`.
 *
 * @param bytes whole elements, at any alignment.
 */
export function tensorData(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>): TensorData {
  const size = DTYPE_BITS[dtype] / 8;
  const { buffer, byteOffset, byteLength } = aligned(bytes, Math.max(1, size));
  const length = byteLength / size;
  if (dtype === 'F16') return { dtype, data: halfToFloat32(new Uint16Array(buffer, byteOffset, length)) };
  if (dtype === 'BF16') return { dtype, data: bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, length)) };
  const data = dtype in ARRAYS ? new ARRAYS[dtype as keyof typeof ARRAYS](buffer, byteOffset, length) : bytes;
  return { dtype, data } as TensorData;
}

const ARRAYS = {
  F32: Float32Array,
  F64: Float64Array,
  I8: Int8Array,
  I16: Int16Array,
  U16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
};

const NEXT_STEP = 'Use a copy of the model, or the model after another task, whose numbers are all finite.';

/** @throws GorpError `weights/not-finite`, naming the tensor: whatever is computed with it would be meaningless. */
export function checkFinite(name: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new GorpError('weights/not-finite', `Tensor ${name} holds ${values[i]}, at element ${i}.`, NEXT_STEP);
  }
}

/**
 * A weight's elements as float32. F32, F16 and BF16 are exact, F64 is rounded.
 *
 * @param name of the tensor, for the error.
 * @throws GorpError `weights/not-finite`; `weights/unsupported-dtype` for integers and quantised types: their scale is not in the tensor.
 */
export function floatData(name: string, dtype: Dtype, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const { data } = tensorData(dtype, bytes);
  if (data instanceof Float32Array || data instanceof Float64Array) {
    const values = data instanceof Float32Array ? data : Float32Array.from(data);
    checkFinite(name, values);
    return values;
  }
  throw new GorpError(
    'weights/unsupported-dtype',
    `Tensor ${name} is stored as ${dtype}; weights are read as F32, F16, BF16 or F64.`,
    'Use an unquantised copy of the model, saved in one of these types.',
  );
}
