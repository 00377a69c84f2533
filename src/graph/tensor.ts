import type { BufferPurpose } from '../base/buffer-purpose.ts';
import { type BufferRange, wholeOf } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { type Packing, packedBytes } from '../device/packing.ts';

export type DataType = 'f32' | 'u32' | 'i32';

/**
 * A value of the graph. Intermediates get memory when the graph is compiled, by their lifetime; tensors with `storage`
 * live in a buffer of their own that outlasts the program: parameters, gradients, caches, inputs.
 */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DataType;
  /** Elements of memory; more than the shape says for padded stacks of matrices. */
  readonly elements: number;
  /** Set for persistent tensors. */
  readonly storage?: BufferRange;
  /** Whether a gradient is wanted with respect to this tensor. */
  readonly trainable: boolean;
  /** How a frozen matrix is stored when not as f32. Only `matmul`, as its second operand, and `embedding` read those. */
  readonly packing?: Packing;
  /**
   * Set for the parameters of a model, by which a product multiplies activations (`nt`) or their gradients (`nn`): where
   * the run allows it, a kernel may round both operands or this one alone to 16-bit floats.
   */
  readonly mayBeHalf?: true;
  /**
   * Consecutive rows of a frozen matrix that is too large for one buffer, as tensors of their own; the whole has no
   * storage then. The same two operations read them.
   */
  readonly parts?: readonly Tensor[];
}

/** Number of elements. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
/** Bytes on the GPU; at least one vec4f, the smallest thing that can be bound. */
export const bytesOf = ({ elements, packing }: Tensor): number =>
  packing ? packedBytes(packing, elements) : Math.max(4, elements) * 4;

/** A tensor in memory that outlasts the programs. */
export type StoredTensor = Tensor & { readonly storage: BufferRange };

/** The memory of a tensor that outlasts the programs. */
export function storageOf({ name, storage }: Tensor): BufferRange {
  if (storage === undefined) throw new Error(`${name} has no memory of its own`);
  return storage;
}

/** Gives a tensor memory that outlasts the program. The operation that computes it, if there is one, writes straight there. */
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
 * The tensor in a buffer of its own, all zero. Whoever makes it destroys `storage.buffer`.
 *
 * @param purpose what its memory is counted as.
 * @throws GorpError as `Buffers.storage`.
 */
export const storeTensor = (device: Device, tensor: Tensor, purpose: BufferPurpose): StoredTensor => ({
  ...tensor,
  storage: wholeOf(device.buffers.storage(tensor.name, bytesOf(tensor), purpose)),
});
