import { type Batch, type BatchSizes, type PlannedBatch, labelTokensOf } from '../base/batch.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import { SPAN_FIELDS, type Span, spanTable } from '../graph/ops/attention.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import type { Tensor } from '../graph/tensor.ts';
import { TextGeneration, type Writer } from './generation.ts';
import { InputBuffers, LabelledBatch, RowsOfTokens } from './input-buffers.ts';
import { type Layers, forPrompts } from './layers.ts';
import {
  type Generation,
  type GenerationSizes,
  IGNORED_LABEL,
  type Network,
  type TokenCounts,
  type TrainingBatch,
} from './network.ts';
import {
  type T5Config,
  isRedundantT5Name,
  relativePositionBucket,
  t5ParameterShapes,
  tiedT5Names,
} from './t5-config.ts';
import { T5, type T5Layers } from './t5.ts';
import { type TokenList, keysOf, listTexts, roundedUp, sourceTokens } from './token-list.ts';

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
  readonly sharesBeginnings = false;
  readonly readsAnswersApart = true;
  readonly #owned: OwnedBuffer[] = [];
  readonly #encoderBuckets: Tensor;
  readonly #decoderBuckets: Tensor;

  /** @param reach maximum number of tokens in a source or target. @param byPrompt see {@link Network.byPrompt}. */
  constructor(
    device: Device,
    readonly config: T5Config,
    reach: number,
    readonly byPrompt = false,
  ) {
    this.#device = device;
    this.shapes = t5ParameterShapes(config);
    const constants = new InputBuffers(device, this.#owned);
    this.one = constants.make('one', [1], 'f32', Float32Array.of(1));
    const lookup = (bidirectional: boolean): Tensor => {
      const table = bucketTable(config, bidirectional, reach);
      return constants.make('position buckets', [table.length], 'u32', table);
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

  #model(layers: T5Layers): T5 {
    return new T5(this.config, layers, { encoderBuckets: this.#encoderBuckets, decoderBuckets: this.#decoderBuckets });
  }

  sizes(rows: Batch): BatchSizes {
    return t5Sizes(rows, !this.byPrompt);
  }

  tokensIn(rows: Batch): number {
    return sourcesOf(rows, !this.byPrompt).sources.reduce((sum, { length }) => sum + length, labelTokensOf(rows));
  }

  plannedSizes(batch: PlannedBatch): BatchSizes {
    return plannedT5Sizes(batch, !this.byPrompt);
  }

  batch(sizes: BatchSizes, owned: OwnedBuffer[]): TrainingBatch {
    return new T5TrainingBatch(
      { ...this.config, shares: !this.byPrompt },
      (layers) => this.#model(layers),
      sizes,
      new InputBuffers(this.#device, owned),
    );
  }

  sourceTokens(sources: readonly (readonly number[])[]): number {
    return sourceTokens(sources, false);
  }

  sourceBytes(tokens: number): number {
    const { numDecoderLayers, numHeads, dKv } = this.config;
    return 2 * numDecoderLayers * tokens * numHeads * dKv * 4;
  }

  generation(sizes: GenerationSizes, owned: OwnedBuffer[]): Generation {
    const { endIds: ends, padId, startId, dModel, numDecoderLayers, numHeads, dKv } = this.config;
    const modelOf = (layers: Layers): T5 => this.#model({ source: layers, answer: layers });
    const writer: Writer = {
      ends,
      padId,
      startId,
      sharesBeginnings: this.sharesBeginnings,
      embedding: 'shared.weight',
      embeddingWidth: dModel,
      layers: numDecoderLayers,
      width: numHeads * dKv,
      read: (g, layers, { ids, spans }) => {
        const model = modelOf(layers);
        const memory = model.encode(g, ids, spans); // [1, N, D]
        return Array.from({ length: numDecoderLayers }, (_, i) => model.crossKeyValue(g, i, memory));
      },
      write: (g, layers, { ids, memory, ...spans }, sources) => {
        const model = modelOf(layers);
        return model.projection(model.decode(g, ids, spans, (i) => sources[i], { memory }));
      },
    };
    return new TextGeneration(this.#device, writer, sizes, owned);
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

class T5TrainingBatch extends LabelledBatch {
  readonly #config: Laying;
  readonly #model: (layers: T5Layers) => T5;
  readonly #sizes: BatchSizes;
  readonly #inputs: InputBuffers;
  readonly #sourceIds: Tensor; // u32 [1, N]
  readonly #sourceCounts: Tensor; // f32 [1, N]: 1 for tokens, 0 for those left over
  readonly #answerIds: Tensor; // u32 [1, L]: see T5Batch
  readonly #answerCounts: Tensor; // f32 [1, L]
  // u32 spans of the sources, of the labels, and from these to sources.
  readonly #sourceSpans: Tensor;
  readonly #answerSpans: Tensor;
  readonly #crossSpans: Tensor;
  readonly #sourceRows: RowsOfTokens;
  readonly #answerRows: RowsOfTokens;

  constructor(config: Laying, model: (layers: T5Layers) => T5, sizes: BatchSizes, inputs: InputBuffers) {
    super(inputs, sizes, 'shared.weight');
    this.#config = config;
    this.#model = model;
    this.#sizes = sizes;
    this.#inputs = inputs;
    const { rows, sources, tokens: N, labels: L } = sizes;
    this.#sourceIds = inputs.make('source ids', [1, N], 'u32');
    this.#sourceCounts = inputs.make('source tokens', [1, N], 'f32');
    this.#answerIds = inputs.make('decoder ids', [1, L], 'u32');
    this.#answerCounts = inputs.make('decoder tokens', [1, L], 'f32');
    const spans = (name: string, count: number): Tensor => inputs.make(name, [count, SPAN_FIELDS], 'u32');
    this.#sourceSpans = spans('source spans', sources + 1);
    this.#answerSpans = spans('decoder spans', rows + 1);
    this.#crossSpans = spans('cross spans', crossSpansOf(sizes));
    this.#sourceRows = new RowsOfTokens(inputs, sizes);
    this.#answerRows = new RowsOfTokens(inputs, { tokens: L, sources });
  }

  write(rows: Batch, labelTokens = labelTokensOf(rows)): void {
    const { source, answer, cross, labels } = layOutT5Batch(rows, this.#sizes, this.#config);
    this.#inputs.write(this.#sourceIds, source.ids);
    this.#inputs.write(this.#sourceCounts, source.counts);
    this.#inputs.write(this.#answerIds, answer.ids);
    this.#inputs.write(this.#answerCounts, answer.counts);
    this.#inputs.write(this.#sourceSpans, spanTable(source.spans, this.#sourceSpans.shape[0]));
    this.#inputs.write(this.#answerSpans, spanTable(answer.spans, this.#answerSpans.shape[0]));
    this.#inputs.write(this.#crossSpans, spanTable(cross, this.#crossSpans.shape[0]));
    const { sources, of } = sourcesOf(rows, this.#config.shares);
    this.writeLabels(labels, labelTokens, sources);
    this.#sourceRows.write(source.rowOf);
    this.#answerRows.write(answer.rowOf.map((row) => of[row] ?? 0));
  }

  predictions(g: Graph, layers: Layers): Projection {
    const ofTokens = forPrompts(g, layers, () => this.promptMeans(g, layers));
    const model = this.#model({
      source: ofTokens((copies) => this.#sourceRows.of(copies)),
      answer: ofTokens((copies) => this.#answerRows.of(copies)),
    });
    const memory = model.encode(g, this.#sourceIds, this.#sourceSpans); // [1, N, D]
    const spans = { spans: this.#answerSpans, cross: this.#crossSpans };
    const last = model.decode(g, this.#answerIds, spans, (i) => model.crossKeyValue(g, i, memory)); // [1, L, D]
    return model.projection(last);
  }

  counts(layer: string): TokenCounts {
    const readsSource = layer.startsWith('encoder.') || /EncDecAttention\.[kv]$/.test(layer);
    const counts = readsSource ? this.#sourceCounts : this.#answerCounts;
    return { counts, roots: counts }; // 0 or 1
  }
}

/** A batch for T5 as two lists of tokens: of the sources, and of the labels as the decoder reads them. */
interface T5Batch {
  readonly source: TokenList;
  /** Of each row the start token, then its label without the last token (HF `T5PreTrainedModel._shift_right`). */
  readonly answer: TokenList;
  /** From labels to their sources, and first the keys of these: see {@link spansAcross}. */
  readonly cross: readonly Span[];
  /** [L]: what each token of `answer` predicts; {@link IGNORED_LABEL} at the end. */
  readonly labels: Int32Array<ArrayBuffer>;
}

/** Most spans of `cross`: a source for each row at most, their queries, and what is left over of both. */
export const crossSpansOf = ({ rows, sources }: Pick<BatchSizes, 'rows' | 'sources'>): number => rows + sources + 2;

/**
 * Attention from labels to sources: spans with the keys of these, then one for the queries of each span of labels.
 *
 * @param sourceOf the span of the source that a span of labels sees; none for tokens that are left over.
 */
export function spansAcross(
  sources: readonly Span[],
  labels: readonly Span[],
  sourceOf: (label: Span) => Span | undefined,
): Span[] {
  const keys = keysOf(sources);
  const asking = labels.map((label): Span => {
    const source = sourceOf(label);
    const { queries, queryCount } = label;
    return { queries, queryCount, keys: 0, keyCount: 0, after: source && keys.get(source) };
  });
  return [...keys.values(), ...asking];
}

/** The sources of a batch, and which one each row has. @param shares whether rows with one source read it once. */
export function sourcesOf(rows: Batch, shares: boolean): { sources: (readonly number[])[]; of: number[] } {
  if (!shares) return { sources: rows.map(({ source }) => source), of: [...rows.keys()] };
  const places = new Map<string, number>();
  const sources: (readonly number[])[] = [];
  const of = rows.map(({ source }) => {
    const key = source.join();
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, sources.length);
    return sources.push(source) - 1;
  });
  return { sources, of };
}

/** The sizes of a batch for T5. */
export function t5Sizes(rows: Batch, shares: boolean): BatchSizes {
  const { sources } = sourcesOf(rows, shares);
  const tokens = sources.reduce((sum, { length }) => sum + length, 0);
  const labels = labelTokensOf(rows);
  return { rows: rows.length, sources: sources.length, ...rounded({ tokens, labels }) };
}

const rounded = ({ tokens, labels }: { tokens: number; labels: number }): { tokens: number; labels: number } => ({
  tokens: roundedUp(tokens, 'tokens'),
  labels: roundedUp(labels, 'labels'),
});

/** The sizes that no batch of this plan exceeds. */
export function plannedT5Sizes({ B, S, T, answers = 1, ...most }: PlannedBatch, shares: boolean): BatchSizes {
  const rows = B * answers;
  const each = shares ? 1 : answers;
  const tokens = each * (most.sources ?? B * S);
  const labels = answers > 1 ? rows * T : (most.labels ?? rows * T);
  return { rows, sources: B * each, ...rounded({ tokens, labels }) };
}

/** How examples are laid out. */
interface Laying extends Pick<T5Config, 'padId' | 'startId'> {
  /** Whether rows with one source read it once. */
  readonly shares: boolean;
}

/**
 * Examples as one batch for T5.
 *
 * @throws RangeError if they do not fit the sizes.
 */
export function layOutT5Batch(rows: Batch, sizes: BatchSizes, { padId, startId, shares }: Laying): T5Batch {
  const { sources, of } = sourcesOf(rows, shares);
  if (rows.length > sizes.rows || sources.length > sizes.sources) {
    throw new RangeError(`${rows.length} rows with ${sources.length} sources exceed ${JSON.stringify(sizes)}.`);
  }
  const source = listTexts(sources, { N: sizes.tokens, shares: false, padId });
  const texts = rows.map(({ label }) => [startId, ...label].slice(0, -1));
  const answer = listTexts(texts, { N: sizes.labels, shares: false, padId });
  const labels = new Int32Array(sizes.labels).fill(IGNORED_LABEL);
  labels.set(rows.flatMap(({ label }) => label));
  const sourceOf = new Map(answer.ends.map((end, row) => [end, source.ends[of[row]]]));
  const cross = spansAcross(source.spans, answer.spans, (label) => sourceOf.get(label));
  return { source, answer, cross, labels };
}
