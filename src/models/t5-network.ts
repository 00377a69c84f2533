import type { OwnedBuffer } from '../gpu/buffers.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Graph } from '../graph/graph.ts';
import { argMax, crossEntropy, rowLosses } from '../graph/ops/cross-entropy.ts';
import { type GenerationState, nextToken } from '../graph/ops/generation.ts';
import type { BucketLookup } from '../graph/ops/position-bias.ts';
import { bytesOf, type DataType, sizeOf, type Tensor } from '../graph/tensor.ts';
import { bucketTable } from './buckets.ts';
import type { Layers } from './layers.ts';
import { type KeyValue, T5 } from './t5.ts';
import { isRedundantT5Name, type T5Config, t5ParameterShapes } from './t5-config.ts';

/** Sizes of a batch: rows, padded source and target length. */
export interface BatchSizes {
  readonly B: number;
  readonly S: number;
  readonly T: number;
}

/** The persistent inputs of candidate answers; R = B · candidates rows. */
export interface CandidateInputs {
  /** u32 [R, T]: candidates shifted right. */
  readonly decoderIds: Tensor;
  /** f32 [R, T], all ones. */
  readonly targetMask: Tensor;
  /** i32 [R, T], −100 for padding. */
  readonly labels: Tensor;
}

/** The persistent inputs of one batch shape. */
export interface BatchInputs {
  /** u32 [B, S]. */
  readonly sourceIds: Tensor;
  /** f32 [B, S]: 1 for tokens, 0 for padding. */
  readonly sourceMask: Tensor;
  /** u32 [B, T]: labels shifted right. */
  readonly decoderIds: Tensor;
  /** f32 [B, T], all ones: the decoder hides no target position. */
  readonly targetMask: Tensor;
  /** f32 [B, T]: 1 where there is a label, 0 for padding. */
  readonly targetRows: Tensor;
  /** i32 [B, T], −100 for padding. */
  readonly labels: Tensor;
  /** f32 [B · T]: loss mask over its divisor. */
  readonly weights: Tensor;
}

/** Everything of T5 that the method and the run need: programs' graphs, and the constants they share on the GPU. */
export class T5Network {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly #owned: OwnedBuffer[] = [];
  readonly #encoderBuckets: BucketLookup;
  readonly #decoderBuckets: BucketLookup;
  /** The gradient of a loss with respect to itself. */
  readonly one: Tensor;

  /** @param reach the longest source or target that will be asked for. */
  constructor(
    private readonly gpu: Gpu,
    readonly config: T5Config,
    reach: number,
  ) {
    this.shapes = t5ParameterShapes(config);
    this.one = this.#constant('one', 'f32', Float32Array.of(1));
    const position = this.#constant('position 0', 'u32', Uint32Array.of(0));
    const lookup = (bidirectional: boolean): BucketLookup => ({
      buckets: this.#constant('position buckets', 'u32', bucketTable(config, bidirectional, reach)),
      offset: reach,
      position,
    });
    this.#encoderBuckets = lookup(true);
    this.#decoderBuckets = lookup(false);
  }

  /** Names that a checkpoint may hold besides its parameters. */
  isRedundant(name: string): boolean {
    return isRedundantT5Name(name, this.config);
  }

  #constant(name: string, dtype: DataType, values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): Tensor {
    const tensor = this.#persistent(this.#owned, name, [values.length], dtype);
    this.gpu.device.queue.writeBuffer((this.#owned.at(-1) as OwnedBuffer).gpuBuffer, 0, values);
    return tensor;
  }

  #persistent(owned: OwnedBuffer[], name: string, shape: readonly number[], dtype: DataType): Tensor {
    const tensor: Tensor = { name, shape, dtype, trainable: false, elements: sizeOf(shape) };
    const buffer = this.gpu.buffers.storage(name, bytesOf(tensor));
    owned.push(buffer);
    tensor.storage = { buffer, offset: 0, bytes: buffer.bytes };
    return tensor;
  }

  #model(layers: Layers): T5 {
    return new T5(this.config, layers, { encoderBuckets: this.#encoderBuckets, decoderBuckets: this.#decoderBuckets });
  }

  /** Buffers for batches of one shape; the caller destroys what is put into `owned`. */
  batchInputs({ B, S, T }: BatchSizes, owned: OwnedBuffer[]): BatchInputs {
    const make = (name: string, shape: number[], dtype: DataType): Tensor =>
      this.#persistent(owned, name, shape, dtype);
    const inputs: BatchInputs = {
      sourceIds: make('source ids', [B, S], 'u32'),
      sourceMask: make('source mask', [B, S], 'f32'),
      decoderIds: make('decoder ids', [B, T], 'u32'),
      targetMask: make('target mask', [B, T], 'f32'),
      targetRows: make('target rows', [B, T], 'f32'),
      labels: make('labels', [B, T], 'i32'),
      weights: make('loss weights', [B * T], 'f32'),
    };
    this.#write(inputs.targetMask, new Float32Array(B * T).fill(1));
    return inputs;
  }

  #write(tensor: Tensor, values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>): void {
    if (tensor.storage)
      this.gpu.device.queue.writeBuffer(tensor.storage.buffer.gpuBuffer, tensor.storage.offset, values);
  }

  /**
   * Puts a batch into its buffers.
   *
   * @param batch row-major; labels −100 where there is none. The loss is the mean over all labels of the batch.
   */
  writeBatch(
    inputs: BatchInputs,
    batch: {
      sourceIds: ArrayLike<number>;
      sourceLengths: readonly number[];
      decoderInputIds: ArrayLike<number>;
      labelIds: ArrayLike<number>;
    },
  ): void {
    const [B, S] = inputs.sourceIds.shape;
    const mask = new Float32Array(B * S);
    batch.sourceLengths.forEach((length, b) => mask.fill(1, b * S, b * S + length));
    const labels = Int32Array.from(batch.labelIds);
    const tokens = labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
    this.#write(inputs.sourceIds, Uint32Array.from(batch.sourceIds));
    this.#write(inputs.sourceMask, mask);
    this.#write(inputs.decoderIds, Uint32Array.from(batch.decoderInputIds));
    this.#write(inputs.labels, labels);
    this.#write(
      inputs.targetRows,
      Float32Array.from(labels, (label) => (label >= 0 ? 1 : 0)),
    );
    this.#write(
      inputs.weights,
      Float32Array.from(labels, (label) => (label >= 0 ? 1 / tokens : 0)),
    );
  }

  /** Mean cross-entropy over label tokens: a scalar [1]. */
  loss(g: Graph, layers: Layers, batch: BatchInputs): Tensor {
    const model = this.#model(layers);
    const memory = model.encode(g, batch.sourceIds, batch.sourceMask); // [B, S, D]
    const cross = model.crossKeyValues(g, memory);
    const last = model.decode(g, batch.decoderIds, batch.targetMask, cross, batch.sourceMask); // [B, T, D]
    return crossEntropy(g, model.logits(g, last), batch.labels, batch.weights);
  }

  /**
   * −log p of every label token, [B · candidates · T], for candidate answers to sources that {@link prefill} has
   * encoded: what `ranked` accuracy compares.
   */
  candidateLosses(g: Graph, layers: Layers, state: T5Generation, candidates: CandidateInputs): Tensor {
    const model = this.#model(layers);
    const { decoderIds, targetMask, labels } = candidates;
    const last = model.decode(g, decoderIds, targetMask, state.cross, state.sourceMask); // [B · candidates, T, D]
    return rowLosses(g, model.logits(g, last), labels).loss;
  }

  /** Buffers for candidate answers of T tokens, `rows` = B · candidates of them, those of a source side by side. */
  candidateInputs(rows: number, T: number, owned: OwnedBuffer[]): CandidateInputs {
    const inputs: CandidateInputs = {
      decoderIds: this.#persistent(owned, 'candidate decoder ids', [rows, T], 'u32'),
      targetMask: this.#persistent(owned, 'candidate mask', [rows, T], 'f32'),
      labels: this.#persistent(owned, 'candidate labels', [rows, T], 'i32'),
    };
    this.#write(inputs.targetMask, new Float32Array(rows * T).fill(1));
    return inputs;
  }

  /** Puts the same candidates, token ids with end-of-text last, behind every source. */
  writeCandidates(inputs: CandidateInputs, candidates: readonly (readonly number[])[]): void {
    const [rows, T] = inputs.labels.shape;
    const labels = new Int32Array(rows * T).fill(-100);
    const decoder = new Uint32Array(rows * T).fill(this.config.padId);
    for (let row = 0; row < rows; row++) {
      const ids = candidates[row % candidates.length];
      labels.set(ids, row * T);
      decoder.set([this.config.startId, ...ids.slice(0, T - 1)], row * T);
    }
    this.#write(inputs.decoderIds, decoder);
    this.#write(inputs.labels, labels);
  }

  /** Which rows of the inputs of a layer are tokens and not padding: f32, one per row. */
  rowMask(layer: string, batch: BatchInputs): Tensor {
    const readsSource = layer.startsWith('encoder.') || /EncDecAttention\.[kv]$/.test(layer);
    return readsSource ? batch.sourceMask : batch.targetRows;
  }

  /** The persistent state of greedy generation for B rows of at most `capacity` tokens, start token included. */
  generationState(B: number, S: number, capacity: number, owned: OwnedBuffer[]): T5Generation {
    const width = this.config.numHeads * this.config.dKv;
    const make = (name: string, shape: number[], dtype: DataType): Tensor =>
      this.#persistent(owned, name, shape, dtype);
    const keyValues = (length: number): KeyValue[] =>
      Array.from({ length: this.config.numDecoderLayers }, () => ({
        k: make('cached keys', [B, length, width], 'f32'),
        v: make('cached values', [B, length, width], 'f32'),
      }));
    const cacheMask = make('cache mask', [B, capacity], 'f32');
    this.#write(cacheMask, new Float32Array(B * capacity).fill(1));
    return {
      sourceIds: make('source ids', [B, S], 'u32'),
      sourceMask: make('source mask', [B, S], 'f32'),
      cross: keyValues(S),
      own: keyValues(capacity),
      cacheMask,
      position: make('position', [1], 'u32'),
      current: make('current token', [B, 1], 'u32'),
      done: make('done', [B], 'u32'),
      tokens: make('tokens', [B, capacity], 'u32'),
      remaining: make('remaining', [1], 'u32'),
    };
  }

  /** Sets the state to the beginning for a batch of sources; rows without a source are ended from the start. */
  startGeneration(state: T5Generation, sourceIds: ArrayLike<number>, sourceLengths: readonly number[]): void {
    const [B, S] = state.sourceIds.shape;
    const mask = new Float32Array(B * S);
    sourceLengths.forEach((length, b) => mask.fill(1, b * S, b * S + length));
    const { padId, startId } = this.config;
    this.#write(state.sourceIds, Uint32Array.from(sourceIds));
    this.#write(state.sourceMask, mask);
    this.#write(state.position, Uint32Array.of(0));
    this.#write(state.current, new Uint32Array(B).fill(startId));
    this.#write(
      state.done,
      Uint32Array.from(sourceLengths, (length) => (length === 0 ? 1 : 0)),
    );
    const tokens = new Uint32Array(sizeOf(state.tokens.shape)).fill(padId);
    for (let b = 0; b < B; b++) tokens[b * state.tokens.shape[1]] = startId;
    this.#write(state.tokens, tokens);
    this.#write(state.remaining, Uint32Array.of(sourceLengths.filter((length) => length > 0).length));
  }

  /** Encodes the sources and fills the keys and values that all decoding steps read. @returns what must be computed. */
  prefill(g: Graph, layers: Layers, state: T5Generation): Tensor[] {
    const model = this.#model(layers);
    const computed = model.crossKeyValues(g, model.encode(g, state.sourceIds, state.sourceMask));
    return computed.flatMap(({ k, v }, i) => {
      // The last kernel of each key and value writes straight into the state.
      Object.assign(k, { storage: state.cross[i].k.storage });
      Object.assign(v, { storage: state.cross[i].v.storage });
      return [k, v];
    });
  }

  /** One decoding step, arg-max and bookkeeping included: replayed until all rows have ended. */
  decodeStep(g: Graph, layers: Layers, state: T5Generation): void {
    const model = this.#model(layers);
    const { current, position, own, cacheMask, cross, sourceMask } = state;
    const last = model.decodeStep(g, current, position, own, cacheMask, cross, sourceMask); // [B, 1, D]
    nextToken(g, argMax(g, model.logits(g, last)), state, this.config.eosId, this.config.padId);
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

/** State of greedy generation with T5. */
export interface T5Generation extends GenerationState {
  /** u32 [B, S]. */
  readonly sourceIds: Tensor;
  /** f32 [B, S]. */
  readonly sourceMask: Tensor;
  /** Per decoder block: keys and values of the source, [B, S, H · d_kv]. */
  readonly cross: readonly KeyValue[];
  /** Per decoder block: keys and values of what was generated, [B, capacity, H · d_kv]. */
  readonly own: readonly KeyValue[];
  /** f32 [B, capacity], all ones. */
  readonly cacheMask: Tensor;
}
