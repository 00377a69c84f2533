import type { OwnedBuffer } from '../device/buffers.ts';
import type { Copy, Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import { argMax, choiceLosses, crossEntropy } from '../graph/ops/cross-entropy.ts';
import { type GenerationState, nextToken } from '../graph/ops/generation.ts';
import { type BucketLookup, HIDDEN } from '../graph/ops/position-bias.ts';
import type { Tensor } from '../graph/tensor.ts';
import { bucketTable } from './buckets.ts';
import { firstKeyValues, firstRows, firstStates, InputBuffers } from './input-buffers.ts';
import { type LabelTree, leadsTo } from './label-tree.ts';
import type { KeyValue, Layers } from './layers.ts';
import type { BatchSizes, Generation, Network, Ranking, TokenPair, TrainingBatch, TreeSizes } from './network.ts';
import { layOutSources, layOutT5Batch } from './t5-batch.ts';
import { T5 } from './t5.ts';
import {
  isRedundantT5Name,
  relativePositionBucket,
  type T5Config,
  t5ParameterShapes,
  tiedT5Names,
} from './t5-config.ts';

/** Everything of T5 that the method and the run need: programs' graphs, and the constants they share on the GPU. */
export class T5Network implements Network {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly one: Tensor;
  readonly #owned: OwnedBuffer[] = [];
  readonly #encoderBuckets: BucketLookup;
  readonly #decoderBuckets: BucketLookup;

  /** @param reach the longest source or target that will be asked for. */
  constructor(
    private readonly device: Device,
    readonly config: T5Config,
    reach: number,
  ) {
    this.shapes = t5ParameterShapes(config);
    const constants = new InputBuffers(device, this.#owned);
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
    return new T5TrainingBatch(
      this.config,
      (layers) => this.#model(layers),
      sizes,
      new InputBuffers(this.device, owned),
    );
  }

  sourceBytes(tokens: number): number {
    const { numDecoderLayers, numHeads, dKv } = this.config;
    return 2 * numDecoderLayers * tokens * numHeads * dKv * 4;
  }

  generation(sizes: { B: number; S: number; capacity: number }, owned: OwnedBuffer[]): T5Generation {
    return new T5Generation(this.device, this.config, (layers) => this.#model(layers), sizes, owned);
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
  /** Tokens of each source. */
  #lengths: number[] = [];

  constructor(
    private readonly device: Device,
    private readonly config: T5Config,
    private readonly model: (layers: Layers) => T5,
    private readonly sizes: { B: number; S: number; capacity: number },
    owned: OwnedBuffer[],
  ) {
    const { B, S, capacity } = sizes;
    const inputs = new InputBuffers(device, owned);
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
    const { sourceIds, sourceMask } = layOutSources(sources, this.sizes, this.config.padId);
    this.#inputs.write(this.#sourceIds, sourceIds);
    this.#inputs.write(this.#sourceMask, sourceMask);
    this.#lengths = sources.map(({ length }) => length);
    this.#start();
  }

  #start(): void {
    const { padId, startId } = this.config;
    const first = Array.from({ length: this.sizes.B }, (_, b) => (this.#lengths[b] > 0 ? startId : null));
    this.#inputs.startState(this.state, first, { position: 0, startId, padId });
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

  async adopt(other: Generation, rows: readonly number[], at: number): Promise<void> {
    if (!(other instanceof T5Generation)) throw new Error('T5 adopts what T5 has read');
    const copies = (from: Tensor, into: Tensor): Copy[] => this.#inputs.copiesOfRows(from, rows, into, at);
    const read = other.#cross;
    await this.device.run(
      [],
      this.#cross.flatMap(({ k, v }, i) => [...copies(read[i].k, k), ...copies(read[i].v, v)]),
    );
    rows.forEach((row, i) => (this.#lengths[at + i] = other.#lengths[row]));
  }

  startAdopted(rows: number): void {
    const { B, S } = this.sizes;
    this.#lengths.length = rows;
    const mask = new Float32Array(B * S);
    this.#lengths.forEach((length, row) => mask.fill(1, row * S, row * S + length));
    this.#inputs.write(this.#sourceMask, mask);
    this.#start();
  }

  decodeStep(g: Graph, layers: Layers, rows = this.sizes.B): void {
    const model = this.model(layers);
    const state = firstStates(this.state, rows);
    const [mask, cacheMask] = [this.#sourceMask, this.#cacheMask].map((tensor) => firstRows(tensor, rows));
    const [own, cross] = [this.#own, this.#cross].map((keyValues) => firstKeyValues(keyValues, rows));
    const last = model.decodeStep(g, state.current, state.position, own, cacheMask, cross, mask); // [rows, 1, D]
    nextToken(g, argMax(g, model.logits(g, last)), state, this.config.endIds, this.config.padId);
  }

  ranking({ nodes, choices }: TreeSizes, owned: OwnedBuffer[]): Ranking {
    const { B } = this.sizes;
    const { config } = this;
    const inputs = new InputBuffers(this.device, owned);
    const ids = inputs.make('label ids', [B, nodes], 'u32');
    const mask = inputs.make('label mask', [B, nodes], 'f32', new Float32Array(B * nodes).fill(1));
    const pairs = inputs.make('label position buckets', [nodes, nodes], 'u32');
    const following = inputs.choices(nodes, choices);
    return {
      write: (tree) => {
        const row = tree.tokens.map((token, node) => (node === 0 ? config.startId : token));
        inputs.write(
          ids,
          Uint32Array.from({ length: B * nodes }, (_, i) => row[i % nodes]),
        );
        inputs.write(pairs, pairBuckets(tree, config));
        inputs.writeChoices(following, tree);
      },
      record: (g, layers) => {
        const model = this.model(layers);
        const last = model.decode(g, ids, mask, (i) => this.#cross[i], this.#sourceMask, [], pairs); // [B, nodes, D]
        return choiceLosses(g, model.projection(last), following);
      },
    };
  }
}

/** Buckets of the relative positions of a tree's nodes, [query, key]; a node sees itself and what leads to it. */
function pairBuckets(tree: LabelTree, { buckets, maxDistance }: T5Config): Uint32Array<ArrayBuffer> {
  const { depths } = tree;
  const N = depths.length;
  return Uint32Array.from({ length: N * N }, (_, at) => {
    const [i, j] = [Math.floor(at / N), at % N];
    return leadsTo(tree, j, i) ? relativePositionBucket(depths[j] - depths[i], false, buckets, maxDistance) : HIDDEN;
  });
}
