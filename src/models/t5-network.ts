import { type Batch, type BatchSizes, labelTokensOf, type PlannedBatch } from '../base/batch.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import type { Distilling } from '../graph/ops/distillation.ts';
import type { BucketLookup } from '../graph/ops/position-bias.ts';
import { SPAN_FIELDS } from '../graph/ops/row-attention.ts';
import type { Tensor } from '../graph/tensor.ts';
import { InputBuffers } from './input-buffers.ts';
import { LabelInputs } from './label-inputs.ts';
import { forPrompts, type KeyValue, type Layers } from './layers.ts';
import type { GenerationSizes, Network, TokenCounts, TrainingBatch } from './network.ts';
import { PromptMeans } from './prompt-means.ts';
import { layOutT5Batch, plannedT5Sizes, sourcesOf, t5Sizes } from './t5-batch.ts';
import {
  isRedundantT5Name,
  relativePositionBucket,
  type T5Config,
  t5ParameterShapes,
  tiedT5Names,
} from './t5-config.ts';
import { T5Generation } from './t5-generation.ts';
import { T5 } from './t5.ts';

/**
 * Buckets of all relative positions −reach … reach, for T5's position bias.
 *
 * @returns entry `distance + reach` is the bucket of key − query = distance.
 */
export function bucketTable(config: T5Config, bidirectional: boolean, reach: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: 2 * reach + 1 }, (_, i) =>
    relativePositionBucket(i - reach, bidirectional, config.buckets, config.maxDistance),
  );
}

/** T5 for the method and the run: the graphs of its programs, and the constants they share on the GPU. */
export class T5Network implements Network {
  readonly #device: Device;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly one: Tensor;
  /** Every token of a source sees those after it. */
  readonly beginning = null;
  readonly readsAnswersApart = true;
  readonly #owned: OwnedBuffer[] = [];
  readonly #encoderBuckets: BucketLookup;
  readonly #decoderBuckets: BucketLookup;
  readonly #reach: number;

  /** @param reach maximum number of tokens in a source or target. */
  constructor(
    device: Device,
    readonly config: T5Config,
    reach: number,
  ) {
    this.#device = device;
    this.#reach = reach;
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

  get embeddingWidth(): number {
    return this.config.dModel;
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

  sizes(rows: Batch, gated: boolean): BatchSizes {
    return t5Sizes(rows, gated, this.#reach);
  }

  plannedSizes(batch: PlannedBatch, gated: boolean): BatchSizes {
    return plannedT5Sizes(batch, gated, this.#reach);
  }

  batch(sizes: BatchSizes, owned: OwnedBuffer[]): TrainingBatch {
    return new T5TrainingBatch(
      this.config,
      (layers) => this.#model(layers),
      sizes,
      new InputBuffers(this.#device, owned),
    );
  }

  sourceBytes(tokens: number): number {
    const { numDecoderLayers, numHeads, dKv } = this.config;
    return 2 * numDecoderLayers * tokens * numHeads * dKv * 4;
  }

  generation(sizes: GenerationSizes, owned: OwnedBuffer[]): T5Generation {
    return new T5Generation(this.#device, this.config, (layers) => this.#model(layers), sizes, owned);
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

class T5TrainingBatch implements TrainingBatch {
  readonly #config: T5Config;
  readonly #model: (layers: Layers) => T5;
  readonly #sizes: BatchSizes;
  readonly #inputs: InputBuffers;
  readonly #sourceIds: Tensor; // u32 [B, S]
  readonly #sourceMask: Tensor; // f32 [B, S]: 1 for tokens, 0 for padding
  // u32 spans of the sources, of the rows of labels, and from these to sources.
  readonly #sourceSpans: Tensor;
  readonly #decoderSpans: Tensor;
  readonly #crossSpans: Tensor;
  // R rows of labels, as many for each source.
  readonly #decoderIds: Tensor; // u32 [R, T]: labels shifted right
  readonly #targetRows: Tensor; // f32 [R, T]: 1 where there is a label
  readonly #labels: LabelInputs; // [1, R · T], −100 for padding
  readonly #means: PromptMeans;

  constructor(config: T5Config, model: (layers: Layers) => T5, sizes: BatchSizes, inputs: InputBuffers) {
    this.#config = config;
    this.#model = model;
    this.#sizes = sizes;
    this.#inputs = inputs;
    const { rows: R, sources: B, tokens: N, labels: L } = sizes;
    const [S, T] = [N / B, L / R];
    this.#sourceIds = inputs.make('source ids', [B, S], 'u32');
    this.#sourceMask = inputs.make('source mask', [B, S], 'f32');
    this.#sourceSpans = inputs.make('source spans', [2 * B, SPAN_FIELDS], 'u32');
    this.#decoderSpans = inputs.make('decoder spans', [2 * R, SPAN_FIELDS], 'u32');
    this.#crossSpans = inputs.make('cross spans', [2 * (B + R), SPAN_FIELDS], 'u32');
    this.#decoderIds = inputs.make('decoder ids', [R, T], 'u32');
    this.#targetRows = inputs.make('target rows', [R, T], 'f32');
    this.#labels = new LabelInputs(inputs, sizes);
    this.#means = new PromptMeans(inputs, sizes);
  }

  write(rows: Batch, labelTokens = labelTokensOf(rows)): void {
    const batch = layOutT5Batch(rows, this.#sizes, this.#config);
    const { labels } = batch;
    this.#inputs.write(this.#sourceIds, batch.sourceIds);
    this.#inputs.write(this.#sourceMask, batch.sourceMask);
    this.#inputs.write(this.#sourceSpans, batch.sourceSpans);
    this.#inputs.write(this.#decoderIds, batch.decoderIds);
    this.#inputs.write(this.#decoderSpans, batch.decoderSpans);
    this.#inputs.write(this.#crossSpans, batch.crossSpans);
    this.#inputs.write(
      this.#targetRows,
      Float32Array.from(labels, (label) => (label >= 0 ? 1 : 0)),
    );
    this.#labels.write(labels, labelTokens);
    this.#means.write(this.#sizes.rows === this.#sizes.sources ? rows.map(({ source }) => source) : sourcesOf(rows));
  }

  loss(g: Graph, layers: Layers): Tensor {
    return this.#labels.loss(g, this.predictions(g, layers));
  }

  distilled(g: Graph, layers: Layers, teacher: Layers, by: Distilling): { loss: Tensor; divergence: Tensor } {
    const [own, other] = [this.predictions(g, layers), this.predictions(g, teacher)];
    return this.#labels.distilled(g, own, other, by);
  }

  promptMeans(g: Graph, layers: Layers): Tensor {
    return this.#means.record(g, layers.parameter('shared.weight'));
  }

  predicting(rows: Batch): number[] {
    const T = this.#sizes.labels / this.#sizes.rows;
    return rows.flatMap(({ label }, row) => label.map((_, i) => row * T + i));
  }

  predictions(g: Graph, layers: Layers): Projection {
    const model = this.#model(forPrompts(g, layers, () => this.promptMeans(g, layers)));
    const memory = model.encode(g, this.#sourceIds, this.#sourceSpans); // [B, S, D]
    const cross = (i: number): KeyValue => model.crossKeyValue(g, i, memory);
    const [own, source] = [{ spans: this.#decoderSpans }, { spans: this.#crossSpans }];
    const last = model.decode(g, this.#decoderIds, own, cross, source); // [R, T, D]
    return model.projection(last);
  }

  counts(layer: string): TokenCounts {
    const readsSource = layer.startsWith('encoder.') || /EncDecAttention\.[kv]$/.test(layer);
    const counts = readsSource ? this.#sourceMask : this.#targetRows;
    return { counts, roots: counts }; // 0 or 1
  }
}
