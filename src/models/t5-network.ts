import type { OwnedBuffer } from '../gpu/buffers.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Graph } from '../graph/graph.ts';
import { argMax, crossEntropy, rowLosses } from '../graph/ops/cross-entropy.ts';
import { type GenerationState, nextToken } from '../graph/ops/generation.ts';
import type { BucketLookup } from '../graph/ops/position-bias.ts';
import type { Tensor } from '../graph/tensor.ts';
import { bucketTable } from './buckets.ts';
import { InputBuffers } from './input-buffers.ts';
import type { KeyValue, Layers } from './layers.ts';
import type { BatchSizes, Candidates, Generation, Network, TokenPair, TrainingBatch } from './network.ts';
import { layOutLabels, layOutSources, layOutT5Batch } from './t5-batch.ts';
import { T5 } from './t5.ts';
import { isRedundantT5Name, type T5Config, t5ParameterShapes, tiedT5Names } from './t5-config.ts';

/** Everything of T5 that the method and the run need: programs' graphs, and the constants they share on the GPU. */
export class T5Network implements Network {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly one: Tensor;
  readonly #owned: OwnedBuffer[] = [];
  readonly #encoderBuckets: BucketLookup;
  readonly #decoderBuckets: BucketLookup;

  /** @param reach the longest source or target that will be asked for. */
  constructor(
    private readonly gpu: Gpu,
    readonly config: T5Config,
    reach: number,
  ) {
    this.shapes = t5ParameterShapes(config);
    const constants = new InputBuffers(gpu, this.#owned);
    this.one = constants.make('one', [1], 'f32', Float32Array.of(1));
    const position = constants.make('position 0', [1], 'u32', Uint32Array.of(0));
    const lookup = (bidirectional: boolean): BucketLookup => {
      const table = bucketTable(config, bidirectional, reach);
      return { buckets: constants.make('position buckets', [table.length], 'u32', table), offset: reach, position };
    };
    this.#encoderBuckets = lookup(true);
    this.#decoderBuckets = lookup(false);
  }

  get tokens(): { padId: number; endIds: readonly number[] } {
    return this.config;
  }

  tiedNames(parameter: string): readonly string[] {
    return tiedT5Names(parameter, this.config);
  }

  isRedundant(name: string): boolean {
    return isRedundantT5Name(name, this.config);
  }

  #model(layers: Layers): T5 {
    return new T5(this.config, layers, { encoderBuckets: this.#encoderBuckets, decoderBuckets: this.#decoderBuckets });
  }

  batch(sizes: BatchSizes, owned: OwnedBuffer[]): TrainingBatch {
    return new T5TrainingBatch(this.config, (layers) => this.#model(layers), sizes, new InputBuffers(this.gpu, owned));
  }

  generation(sizes: { B: number; S: number; capacity: number }, owned: OwnedBuffer[]): T5Generation {
    return new T5Generation(this.gpu, this.config, (layers) => this.#model(layers), sizes, owned);
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

class T5TrainingBatch implements TrainingBatch {
  readonly #sourceIds: Tensor; // u32 [B, S]
  readonly #sourceMask: Tensor; // f32 [B, S]: 1 for tokens, 0 for padding
  readonly #decoderIds: Tensor; // u32 [B, T]: labels shifted right
  readonly #targetMask: Tensor; // f32 [B, T], all ones: the decoder hides no target position
  readonly #targetRows: Tensor; // f32 [B, T]: 1 where there is a label
  readonly #labels: Tensor; // i32 [B, T], −100 for padding
  readonly #weights: Tensor; // f32 [B · T]: loss mask over its divisor

  constructor(
    private readonly config: T5Config,
    private readonly model: (layers: Layers) => T5,
    private readonly sizes: BatchSizes,
    private readonly inputs: InputBuffers,
  ) {
    const { B, S, T } = sizes;
    this.#sourceIds = inputs.make('source ids', [B, S], 'u32');
    this.#sourceMask = inputs.make('source mask', [B, S], 'f32');
    this.#decoderIds = inputs.make('decoder ids', [B, T], 'u32');
    this.#targetMask = inputs.make('target mask', [B, T], 'f32', new Float32Array(B * T).fill(1));
    this.#targetRows = inputs.make('target rows', [B, T], 'f32');
    this.#labels = inputs.make('labels', [B, T], 'i32');
    this.#weights = inputs.make('loss weights', [B * T], 'f32');
  }

  write(rows: readonly TokenPair[]): void {
    const { sourceIds, sourceMask, decoderIds, labels } = layOutT5Batch(rows, this.sizes, this.config);
    const tokens = labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
    const whereLabel = (value: number): Float32Array<ArrayBuffer> =>
      Float32Array.from(labels, (label) => (label >= 0 ? value : 0));
    this.inputs.write(this.#sourceIds, sourceIds);
    this.inputs.write(this.#sourceMask, sourceMask);
    this.inputs.write(this.#decoderIds, decoderIds);
    this.inputs.write(this.#labels, labels);
    this.inputs.write(this.#targetRows, whereLabel(1));
    this.inputs.write(this.#weights, whereLabel(1 / tokens));
  }

  loss(g: Graph, layers: Layers): Tensor {
    const model = this.model(layers);
    const memory = model.encode(g, this.#sourceIds, this.#sourceMask); // [B, S, D]
    const cross = (i: number): KeyValue => model.crossKeyValue(g, i, memory);
    const last = model.decode(g, this.#decoderIds, this.#targetMask, cross, this.#sourceMask); // [B, T, D]
    return crossEntropy(g, model.projection(last), this.#labels, this.#weights);
  }

  rowMask(layer: string): Tensor {
    const readsSource = layer.startsWith('encoder.') || /EncDecAttention\.[kv]$/.test(layer);
    return readsSource ? this.#sourceMask : this.#targetRows;
  }
}

/** Greedy generation with T5: the source's keys and values once, those of the answer in caches. */
export class T5Generation implements Generation {
  readonly state: GenerationState;
  readonly #inputs: InputBuffers;
  readonly #sourceIds: Tensor; // u32 [B, S]
  readonly #sourceMask: Tensor; // f32 [B, S]
  readonly #cross: readonly KeyValue[]; // per decoder block: of the source, [B, S, H·d]
  readonly #own: readonly KeyValue[]; // per decoder block: of what was generated, [B, capacity, H·d]
  readonly #cacheMask: Tensor; // f32 [B, capacity], all ones

  constructor(
    private readonly gpu: Gpu,
    private readonly config: T5Config,
    private readonly model: (layers: Layers) => T5,
    private readonly sizes: { B: number; S: number; capacity: number },
    owned: OwnedBuffer[],
  ) {
    const { B, S, capacity } = sizes;
    const inputs = new InputBuffers(gpu, owned);
    const width = config.numHeads * config.dKv;
    const keyValues = (length: number): KeyValue[] =>
      Array.from({ length: config.numDecoderLayers }, () => ({
        k: inputs.make('cached keys', [B, length, width], 'f32'),
        v: inputs.make('cached values', [B, length, width], 'f32'),
      }));
    this.#inputs = inputs;
    this.#sourceIds = inputs.make('source ids', [B, S], 'u32');
    this.#sourceMask = inputs.make('source mask', [B, S], 'f32');
    this.#cross = keyValues(S);
    this.#own = keyValues(capacity);
    this.#cacheMask = inputs.make('cache mask', [B, capacity], 'f32', new Float32Array(B * capacity).fill(1));
    this.state = inputs.generationState(B, capacity);
  }

  start(sources: readonly (readonly number[])[]): void {
    const { padId, startId } = this.config;
    const { sourceIds, sourceMask } = layOutSources(sources, this.sizes, padId);
    this.#inputs.write(this.#sourceIds, sourceIds);
    this.#inputs.write(this.#sourceMask, sourceMask);
    const rows = Array.from({ length: this.sizes.B }, (_, b) => ((sources[b] ?? []).length > 0 ? startId : null));
    this.#inputs.startState(this.state, rows, { position: 0, startId, padId });
  }

  prefill(g: Graph, layers: Layers): Tensor[] {
    const model = this.model(layers);
    const memory = model.encode(g, this.#sourceIds, this.#sourceMask); // [B, S, D]
    return this.#cross.flatMap((place, i) => {
      const { k, v } = model.crossKeyValue(g, i, memory);
      // The last kernel of each key and value writes straight into the state.
      Object.assign(k, { storage: place.k.storage });
      Object.assign(v, { storage: place.v.storage });
      return [k, v];
    });
  }

  decodeStep(g: Graph, layers: Layers): void {
    const model = this.model(layers);
    const { current, position } = this.state;
    const last = model.decodeStep(g, current, position, this.#own, this.#cacheMask, this.#cross, this.#sourceMask); // [B, 1, D]
    nextToken(g, argMax(g, model.logits(g, last)), this.state, this.config.endIds, this.config.padId);
  }

  candidates(count: number, T: number, owned: OwnedBuffer[]): Candidates {
    const rows = this.sizes.B * count; // those of a source side by side
    const inputs = new InputBuffers(this.gpu, owned);
    const decoderIds = inputs.make('candidate decoder ids', [rows, T], 'u32');
    const targetMask = inputs.make('candidate mask', [rows, T], 'f32', new Float32Array(rows * T).fill(1));
    const labels = inputs.make('candidate labels', [rows, T], 'i32');
    return {
      write: (candidates) => {
        const repeated = Array.from({ length: rows }, (_, row) => candidates[row % count]);
        const laidOut = layOutLabels(repeated, { B: rows, T }, this.config);
        inputs.write(decoderIds, laidOut.decoderIds);
        inputs.write(labels, laidOut.labels);
      },
      losses: (g, layers) => {
        const model = this.model(layers);
        const last = model.decode(g, decoderIds, targetMask, (i) => this.#cross[i], this.#sourceMask); // [B · count, T, D]
        return rowLosses(g, model.projection(last), labels).loss;
      },
    };
  }
}
