import type { BufferRange } from '../device/buffers.ts';
import type { Planner } from '../device/kernel-planner.ts';
import type { KernelCall as CallOf } from '../device/kernel.ts';
import { type DataType, sizeOf, type Tensor } from './tensor.ts';

/** Values of tensors on the CPU: reals as f64, so that finite differences are precise; ids as integers. */
export type Numbers = Float64Array | Int32Array | Uint32Array;

/** A kernel on tensors of the graph. */
export type TensorCall = CallOf<Tensor>;

/** One recorded operation. */
export interface Operation {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Whether it changes a persistent tensor in place, so that it must run even if nothing reads its outputs. */
  readonly effect?: boolean;
  /** Floats of each piece of memory that the kernels need while they run; 0 for a piece not needed. */
  scratch?(planner: Planner): readonly number[];
  /**
   * The kernels that compute the outputs, as the device plans them.
   *
   * @param scratch the pieces of memory from {@link scratch}; undefined for 0.
   */
  calls(planner: Planner, scratch: readonly (Tensor | undefined)[]): readonly TensorCall[];
  /** The plain reference on the CPU, in f64: reads inputs, fills outputs. */
  reference(value: (tensor: Tensor) => Numbers): void;
  /**
   * Records the gradient: d loss / d input for each input (undefined if there is none), given d loss / d output.
   * `wanted` says which inputs need one.
   */
  gradient?(outputGradients: readonly (Tensor | undefined)[], wanted: readonly boolean[]): (Tensor | undefined)[];
  /** Set on operations that can add another tensor to their result for free. */
  fuseAddend?(addend: Tensor): boolean;
}

/** The pieces of scratch memory that are not empty. */
export const present = (scratch: readonly (Tensor | undefined)[]): Tensor[] =>
  scratch.filter((tensor) => tensor !== undefined);

/** Records operations in the order in which they run. */
export class Graph {
  readonly operations: Operation[] = [];
  /** Parts of the forward pass that {@link recomputeBlocks} may compute again, as ranges of operations. */
  readonly blocks: { readonly first: number; readonly end: number }[] = [];
  #forwardOperations: number | undefined;
  readonly #producer = new Map<Tensor, Operation>();

  /** A persistent tensor; `storage` is optional in graphs that run only on the CPU. */
  persistent(
    name: string,
    shape: readonly number[],
    options: { dtype?: DataType; storage?: BufferRange; trainable?: boolean } = {},
  ): Tensor {
    const { dtype = 'f32', storage, trainable = false } = options;
    return { name, shape, dtype, trainable, elements: sizeOf(shape), ...(storage && { storage }) };
  }

  /**
   * A value that some operation will produce.
   *
   * @param elements memory to allocate if a padded stack of matrices needs more than its shape says.
   */
  intermediate(name: string, shape: readonly number[], dtype: DataType = 'f32', elements = sizeOf(shape)): Tensor {
    return { name, shape, dtype, trainable: false, elements };
  }

  /** Appends an operation. @returns its first output. */
  record(operation: Operation): Tensor {
    this.operations.push(operation);
    for (const output of operation.outputs) this.#producer.set(output, operation);
    return operation.outputs[0];
  }

  /** Records a block of the model with few outputs, such as a transformer layer. */
  block<T>(record: () => T): T {
    const first = this.operations.length;
    const result = record();
    this.blocks.push({ first, end: this.operations.length });
    return result;
  }

  /** Number of operations in the forward pass: all recorded before the backward pass. */
  get forwardOperations(): number {
    return this.#forwardOperations ?? this.operations.length;
  }

  producerOf(tensor: Tensor): Operation | undefined {
    return this.#producer.get(tensor);
  }

  /**
   * Appends the backward pass of a scalar.
   *
   * Only tensors on a path from a trainable tensor to `loss` get a gradient, so frozen layers below the first trainable
   * one cost nothing.
   *
   * @param loss a tensor of one element.
   * @param add records the sum of two gradients.
   * @returns gradients of the trainable tensors that `loss` depends on.
   */
  backward(loss: Tensor, lossGradient: Tensor, add: (a: Tensor, b: Tensor) => Tensor): Map<Tensor, Tensor> {
    if (sizeOf(loss.shape) !== 1) throw new Error(`backward needs a scalar, not [${loss.shape.join(', ')}]`);
    const forward = this.operations.slice();
    this.#forwardOperations = forward.length;
    const needed = new Set<Tensor>();
    for (const { inputs, outputs } of forward) {
      for (const input of inputs) if (input.trainable) needed.add(input);
      if (inputs.some((input) => needed.has(input))) for (const output of outputs) needed.add(output);
    }
    const gradients = new Map<Tensor, Tensor>([[loss, lossGradient]]);
    for (const operation of forward.reverse()) {
      if (!operation.outputs.some((output) => gradients.has(output) && needed.has(output))) continue;
      if (operation.gradient === undefined) {
        if (operation.inputs.some((input) => needed.has(input))) throw new Error(`${operation.name} has no gradient`);
        continue;
      }
      const wanted = operation.inputs.map((input) => needed.has(input));
      const mark = this.operations.length;
      const inputGradients = operation.gradient(
        operation.outputs.map((output) => gradients.get(output)),
        wanted,
      );
      operation.inputs.forEach((input, i) => {
        const gradient = inputGradients[i];
        if (!wanted[i] || gradient === undefined) return;
        const known = gradients.get(input);
        if (known === undefined) {
          gradients.set(input, gradient);
          return;
        }
        // A gradient can absorb the other one for free if it was just made for this input only.
        const producer = this.producerOf(gradient);
        const isOwn =
          producer !== undefined &&
          this.operations.indexOf(producer, mark) >= 0 &&
          inputGradients.filter((other) => other === gradient).length === 1;
        gradients.set(input, isOwn && producer.fuseAddend?.(known) ? gradient : add(known, gradient));
      });
    }
    return new Map([...gradients].filter(([tensor]) => tensor.trainable));
  }
}

/**
 * Trades time for memory (activation recomputation, or gradient checkpointing): drops values that only a block's own
 * backward pass reads after the block's forward pass, and recomputes them with the same kernels when the backward pass
 * gets there. Values that other blocks read, such as a block's output, stay. Results are the same bit for bit.
 *
 * Call it after recording everything; {@link Graph.block} marks the blocks.
 */
export function recomputeBlocks(graph: Graph): void {
  const { operations, blocks, forwardOperations } = graph;
  const forward = operations.slice(0, forwardOperations);
  const dropped = new Map<Tensor, Operation>();
  for (const { first, end } of blocks) {
    const readElsewhere = new Set([...forward.slice(0, first), ...forward.slice(end)].flatMap(({ inputs }) => inputs));
    for (const operation of forward.slice(first, end)) {
      for (const made of operation.outputs) if (!made.storage && !readElsewhere.has(made)) dropped.set(made, operation);
    }
  }

  const again = new Map<Tensor, Tensor>();
  const result = forward;
  const makeAgain = (tensor: Tensor): void => {
    const operation = dropped.get(tensor);
    if (operation === undefined || again.has(tensor)) return;
    operation.inputs.forEach(makeAgain);
    for (const made of operation.outputs) again.set(made, { ...made });
    result.push(withTensors(operation, again));
  };
  for (const operation of operations.slice(forwardOperations)) {
    operation.inputs.forEach(makeAgain);
    result.push(withTensors(operation, again));
  }
  operations.splice(0, operations.length, ...result);
}

/** A copy of an operation that works on other tensors. */
function withTensors(operation: Operation, others: ReadonlyMap<Tensor, Tensor>): Operation {
  const other = (tensor: Tensor): Tensor => others.get(tensor) ?? tensor;
  return {
    ...operation,
    inputs: operation.inputs.map(other),
    outputs: operation.outputs.map(other),
    calls: (planner, scratch) =>
      operation.calls(planner, scratch).map((call) => ({ ...call, tensors: call.tensors.map(other) })),
    reference: (value) => operation.reference((tensor) => value(other(tensor))),
  };
}
