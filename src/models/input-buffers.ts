import type { Batch, BatchSizes } from '../base/batch.ts';
import type { BufferPurpose } from '../base/buffer-purpose.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Copy, Device, Values } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { type Choices, crossEntropy } from '../graph/ops/cross-entropy.ts';
import { type Distilling, distillation } from '../graph/ops/distillation.ts';
import { embedding } from '../graph/ops/embedding.ts';
import type { GenerationState } from '../graph/ops/generation.ts';
import { batchedMatmul } from '../graph/ops/matmul.ts';
import { type DataType, type Tensor, plainTensor, storageOf, storeTensor } from '../graph/tensor.ts';
import type { Layers } from './layers.ts';
import type { TokenCounts, TrainingBatch } from './network.ts';

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

/**
 * The mean embedding of every prompt of a batch, without padding or answer: what layers that depend on the prompt are
 * computed from. Takes memory only once a graph needs it.
 */
export class PromptMeans {
  readonly #inputs: InputBuffers;
  readonly #sizes: { readonly sources: number; readonly tokens: number };
  #prompts: readonly (readonly number[])[] = [];
  #buffers: { readonly ids: Tensor; readonly weights: Tensor } | undefined;

  /** @param sizes number of prompts, and of the tokens of all. */
  constructor(inputs: InputBuffers, sizes: { readonly sources: number; readonly tokens: number }) {
    this.#inputs = inputs;
    this.#sizes = sizes;
  }

  /** Sets the prompts; the mean of a missing or empty one is 0. */
  write(prompts: readonly (readonly number[])[]): void {
    this.#prompts = prompts;
    if (this.#buffers) this.#writeTo(this.#buffers);
  }

  #writeTo({ ids, weights }: { readonly ids: Tensor; readonly weights: Tensor }): void {
    const { sources, tokens: N } = this.#sizes;
    const tokens = new Uint32Array(N);
    const shares = new Float32Array(sources * N);
    let at = 0;
    this.#prompts.forEach((prompt, row) => {
      tokens.set(prompt, at);
      shares.fill(1 / prompt.length, row * N + at, row * N + (at += prompt.length));
    });
    this.#inputs.write(ids, tokens);
    this.#inputs.write(weights, shares);
  }

  /** Records the means [1, sources, D]. @param table the token embedding, [V, D]. */
  record(g: Graph, table: Tensor): Tensor {
    const { sources, tokens: N } = this.#sizes;
    if (this.#buffers === undefined) {
      this.#buffers = {
        ids: this.#inputs.make('tokens of prompts', [1, N], 'u32'),
        weights: this.#inputs.make('weights of prompts', [1, sources, N], 'f32'), // 1 / length for own tokens, else 0
      };
      this.#writeTo(this.#buffers);
    }
    const tokens = embedding(g, table, this.#buffers.ids); // [1, N, D]
    return batchedMatmul(g, this.#buffers.weights, tokens, { layout: 'nn' });
  }
}

/** The prompt of every token of a list. Takes memory only once a graph needs it. */
export class RowsOfTokens {
  readonly #inputs: InputBuffers;
  readonly #sizes: { readonly tokens: number; readonly sources: number };
  readonly #ofCopies = new Map<number, Tensor>();
  #rowOf: Uint32Array;

  constructor(inputs: InputBuffers, sizes: { readonly tokens: number; readonly sources: number }) {
    this.#inputs = inputs;
    this.#sizes = sizes;
    this.#rowOf = new Uint32Array(sizes.tokens);
  }

  /** @param rowOf of the tokens of one list. */
  write(rowOf: Uint32Array): void {
    this.#rowOf = rowOf;
    for (const [copies, tensor] of this.#ofCopies) this.#writeTo(tensor, copies);
  }

  #writeTo(tensor: Tensor, copies: number): void {
    const { tokens: N, sources } = this.#sizes;
    const row = (i: number): number => Math.floor(i / N) * sources + this.#rowOf[i % N];
    this.#inputs.write(
      tensor,
      Uint32Array.from({ length: copies * N }, (_, i) => row(i)),
    );
  }

  /** u32 [copies, N]: the row of every token in each of several lists of all rows. */
  of(copies: number): Tensor {
    const known = this.#ofCopies.get(copies);
    if (known) return known;
    const made = this.#inputs.make('rows of tokens', [copies, this.#sizes.tokens], 'u32');
    this.#ofCopies.set(copies, made);
    this.#writeTo(made, copies);
    return made;
  }
}

/** A batch with its labels, the weights of their tokens in the loss, and its prompts. A family adds what its model reads. */
export abstract class LabelledBatch implements TrainingBatch {
  readonly #inputs: InputBuffers;
  /** i32 [1, L], below 0 for no label. */
  readonly #labels: Tensor;
  /** f32 [L]: loss mask over its divisor. */
  readonly #weights: Tensor;
  readonly #means: PromptMeans;
  readonly #embedding: string;

  /** @param embedding name of the token embedding. */
  constructor(inputs: InputBuffers, sizes: BatchSizes, embedding: string) {
    this.#inputs = inputs;
    this.#labels = inputs.make('labels', [1, sizes.labels], 'i32');
    this.#weights = inputs.make('loss weights', [sizes.labels], 'f32');
    this.#means = new PromptMeans(inputs, sizes);
    this.#embedding = embedding;
  }

  abstract write(rows: Batch, labelTokens?: number): void;
  abstract predictions(g: Graph, layers: Layers): Projection;
  abstract counts(layer: string): TokenCounts;

  /** @param tokens over which the loss is averaged. @param prompts one for each source. */
  protected writeLabels(
    labels: Int32Array<ArrayBuffer>,
    tokens: number,
    prompts: readonly (readonly number[])[],
  ): void {
    this.#inputs.write(this.#labels, labels);
    this.#inputs.write(
      this.#weights,
      Float32Array.from(labels, (label) => (label >= 0 ? 1 / tokens : 0)),
    );
    this.#means.write(prompts);
  }

  loss(g: Graph, layers: Layers): Tensor {
    return crossEntropy(g, this.predictions(g, layers), this.#labels, this.#weights);
  }

  distilled(g: Graph, layers: Layers, teacher: Layers, by: Distilling): { loss: Tensor; divergence: Tensor } {
    const [own, other] = [this.predictions(g, layers), this.predictions(g, teacher)];
    const weight = { ...this.#weights, shape: [1, this.#weights.elements] };
    const divergence = distillation(g, own, other, { labels: this.#labels, weight }, by);
    return { loss: crossEntropy(g, own, this.#labels, this.#weights), divergence };
  }

  promptMeans(g: Graph, layers: Layers): Tensor {
    return this.#means.record(g, layers.parameter(this.#embedding));
  }
}
