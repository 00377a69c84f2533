import type { BatchSizes } from '../base/batch.ts';
import type { BufferPurpose } from '../base/buffer-purpose.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Copy, Device, Values } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { type Choices, crossEntropy } from '../graph/ops/cross-entropy.ts';
import { type Distilling, distillation } from '../graph/ops/distillation.ts';
import type { GenerationState } from '../graph/ops/generation.ts';
import { type DataType, type Tensor, plainTensor, storageOf, storeTensor } from '../graph/tensor.ts';

/** Makes persistent tensors that the host writes: batches, masks, the state of generation. */
export class InputBuffers {
  readonly #device: Device;
  readonly #owned: OwnedBuffer[];

  /** @param owned receives the buffers; the owner of the list destroys them. */
  constructor(device: Device, owned: OwnedBuffer[]) {
    this.#device = device;
    this.#owned = owned;
  }

  /** A tensor in a buffer of its own, zero unless `values` are given. */
  make(name: string, shape: readonly number[], dtype: DataType, values?: Values): Tensor {
    const tensor = this.#store(plainTensor(name, shape, dtype), 'inputs');
    if (values) this.write(tensor, values);
    return tensor;
  }

  /** Keys or values of generation, f32, stored from token to token. */
  cache(name: string, shape: readonly number[]): Tensor {
    return this.#store(plainTensor(name, shape), 'caches');
  }

  #store(tensor: Tensor, purpose: BufferPurpose): Tensor {
    const stored = storeTensor(this.#device, tensor, purpose);
    this.#owned.push(stored.storage.buffer);
    return stored;
  }

  /** Writes all or the first values of a tensor. */
  write(tensor: Tensor, values: Values): void {
    const { buffer, offset } = storageOf(tensor);
    this.#device.write(buffer, offset, values);
  }

  /** Buffers for trees of labels with this many nodes and choices. */
  choices(nodes: number, choices: number): Choices {
    return {
      begins: this.make('first choices', [nodes + 1], 'u32'),
      tokens: this.make('choices', [choices], 'u32'),
    };
  }

  /** The copy of rows of a tensor [rows, …] to rows of another one. */
  copyOfRows(from: Tensor, to: Tensor, rows: { from: number; into: number; count: number }): Copy {
    const [source, target] = [from, to].map(storageOf);
    const bytes = (from.elements / from.shape[0]) * 4;
    return {
      from: source.buffer,
      fromOffset: source.offset + rows.from * bytes,
      to: target.buffer,
      toOffset: target.offset + rows.into * bytes,
      bytes: rows.count * bytes,
    };
  }

  /**
   * The copies that move rows of a tensor [B, …] over others, each by way of a buffer, since none goes within one.
   *
   * @param rows to move, each over the row of `into` at its place. No row is in both.
   * @param way has room for a row.
   */
  movesOfRows(tensor: Tensor, rows: readonly number[], into: readonly number[], way: Tensor): Copy[] {
    const [{ buffer, offset }, { buffer: over, offset: overOffset }] = [tensor, way].map(storageOf);
    const bytes = (tensor.elements / tensor.shape[0]) * 4;
    return rows.flatMap((row, i) => [
      { from: buffer, fromOffset: offset + row * bytes, to: over, toOffset: overOffset, bytes },
      { from: over, fromOffset: overOffset, to: buffer, toOffset: offset + into[i] * bytes, bytes },
    ]);
  }

  /** The progress of greedy generation for a batch of B rows, with room for `capacity` tokens each. */
  generationState(B: number, capacity: number): GenerationState {
    return {
      position: this.make('position', [1], 'u32'),
      current: this.make('current token', [B, 1], 'u32'),
      done: this.make('done', [B], 'u32'),
      tokens: this.make('tokens', [B, capacity], 'u32'),
      remaining: this.make('remaining', [1], 'u32'),
    };
  }

  /**
   * Resets the state.
   *
   * @param first the token that each row starts from; null for rows that have already ended.
   * @param at the position of that token, the token in its place in ended rows, and the padding.
   */
  startState(
    state: GenerationState,
    first: readonly (number | null)[],
    at: { position: number; startId: number; padId: number },
  ): void {
    const [B, capacity] = state.tokens.shape;
    const tokens = new Uint32Array(B * capacity).fill(at.padId);
    first.forEach((token, b) => (tokens[b * capacity] = token ?? at.startId));
    this.write(state.position, Uint32Array.of(at.position));
    this.write(
      state.current,
      Uint32Array.from(first, (token) => token ?? at.startId),
    );
    this.write(
      state.done,
      Uint32Array.from(first, (token) => (token === null ? 1 : 0)),
    );
    this.write(state.tokens, tokens);
    this.write(state.remaining, Uint32Array.of(first.filter((token) => token !== null).length));
  }
}

/** Labels of a batch on the device, and the weights of their tokens in the loss. */
export class LabelInputs {
  readonly #inputs: InputBuffers;

  /** i32, below 0 for no label. */
  readonly labels: Tensor;
  /** f32, one for each: loss mask over its divisor. */
  readonly weights: Tensor;

  constructor(inputs: InputBuffers, { labels }: Pick<BatchSizes, 'labels'>) {
    this.#inputs = inputs;
    this.labels = inputs.make('labels', [1, labels], 'i32');
    this.weights = inputs.make('loss weights', [labels], 'f32');
  }

  /** @param tokens over which the loss is averaged. */
  write(labels: Int32Array<ArrayBuffer>, tokens: number): void {
    this.#inputs.write(this.labels, labels);
    this.#inputs.write(
      this.weights,
      Float32Array.from(labels, (label) => (label >= 0 ? 1 / tokens : 0)),
    );
  }

  /** The loss [1]. @param own the logits of the tokens that predict the labels. */
  loss(g: Graph, own: Projection): Tensor {
    return crossEntropy(g, own, this.labels, this.weights);
  }

  /** The loss, and the divergence from a teacher's logits (docs/method.md, eq. (29)). */
  distilled(g: Graph, own: Projection, teacher: Projection, by: Distilling): { loss: Tensor; divergence: Tensor } {
    const weight = { ...this.weights, shape: [1, this.weights.elements] };
    const divergence = distillation(g, own, teacher, { labels: this.labels, weight }, by);
    return { loss: this.loss(g, own), divergence };
  }
}
