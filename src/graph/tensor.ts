import type { BufferRange } from '../gpu/program.ts';

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
  storage?: BufferRange;
  /** Whether a gradient is wanted with respect to this tensor. */
  readonly trainable: boolean;
}

/** Number of elements. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
/** Bytes on the GPU; at least one vec4f, the smallest thing that can be bound. */
export const bytesOf = (tensor: Tensor): number => Math.max(4, tensor.elements) * 4;
