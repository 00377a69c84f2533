import type { BufferPurpose } from '../base/buffer-purpose.ts';
import { type BufferRange, wholeOf } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { type Packing, packedBytes } from '../device/packing.ts';

export type DataType = 'f32' | 'u32' | 'i32';

/**
 * A value of the graph. Compiling the graph gives intermediates memory for their lifetime; tensors with `storage` have
 * a buffer that outlives the program: parameters, gradients, caches, inputs.
 */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DataType;
  /** Elements in memory; more than in the shape for padded stacks of matrices. */
  readonly elements: number;
  /** Set for persistent tensors. */
  readonly storage?: BufferRange;
  /** Whether this tensor needs a gradient. */
  readonly trainable: boolean;
  /** How a frozen matrix is stored if not in f32. Only `embedding` and `matmul`, as its second operand, can read it. */
  readonly packing?: Packing;
  /**
   * Set for model parameters. If the run allows it, a kernel may round to 16-bit floats both operands of a product with
   * activations (`nt`), but only this one in a product with gradients (`nn`).
   */
  readonly mayBeHalf?: true;
  /**
   * Consecutive rows, as separate tensors, of a frozen matrix too large for one buffer, which itself has no storage.
   * Only the operations that read packed matrices read them.
   */
  readonly parts?: readonly Tensor[];
}

/** Number of elements. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
/** Bytes on the GPU; at least one vec4f, the smallest range that can be bound. */
export const bytesOf = ({ elements, packing }: Tensor): number =>
  packing ? packedBytes(packing, elements) : Math.max(4, elements) * 4;

/** A tensor in memory that outlives the programs. */
export type StoredTensor = Tensor & { readonly storage: BufferRange };

/** The memory of a tensor that outlives the programs. */
export function storageOf({ name, storage }: Tensor): BufferRange {
  if (storage === undefined) throw new Error(`${name} has no memory of its own`);
  return storage;
}

/** Gives a tensor memory that outlives the program. The operation that computes it, if any, writes directly to it. */
export const placeIn = (tensor: Tensor, storage: BufferRange): void => {
  Object.assign(tensor, { storage });
};

/** A tensor without memory. */
export const plainTensor = (name: string, shape: readonly number[], dtype: DataType = 'f32'): Tensor => ({
  name,
  shape,
  dtype,
  trainable: false,
  elements: sizeOf(shape),
});

/**
 * The tensor in a buffer of its own, all zero. The caller destroys `storage.buffer`.
 *
 * @param purpose how its memory is counted.
 * @throws GorpError as `Buffers.storage`.
 */
export const storeTensor = (device: Device, tensor: Tensor, purpose: BufferPurpose): StoredTensor => ({
  ...tensor,
  storage: wholeOf(device.buffers.storage(tensor.name, bytesOf(tensor), purpose)),
});
