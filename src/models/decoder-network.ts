import { type Batch, type BatchSizes, labelTokensOf, type PlannedBatch, textOf } from '../base/batch.ts';
import { GorpError } from '../base/errors.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { SPAN_FIELDS, spanTable } from '../graph/ops/attention.ts';
import type { Tensor } from '../graph/tensor.ts';
import { type Constants, Decoder } from './decoder.ts';
import { decoderSizes, listTokens, plannedDecoderSizes } from './decoder-batch.ts';
import {
  type DecoderConfig,
  decoderParameterShapes,
  isRedundantDecoderName,
  tiedDecoderNames,
} from './decoder-config.ts';
import { TextGeneration, type TokensRead, type Writer } from './generation.ts';
import { InputBuffers, LabelledBatch, RowsOfTokens } from './input-buffers.ts';
import { forPrompts, type Layers } from './layers.ts';
import type { Generation, GenerationSizes, Network, TokenCounts, TrainingBatch } from './network.ts';
import { rotaryTable } from './rotary-angles.ts';
import { sourceTokens, spansOf, tokensRead } from './token-list.ts';

/** A decoder-only model for the method and the run: the graphs of its programs, and the constants they share. */
export class DecoderNetwork implements Network {
  readonly #device: Device;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly one: Tensor;
  readonly readsAnswersApart = false;
  readonly #owned: OwnedBuffer[] = [];
  readonly #constants: Constants;

  /**
   * @param reach maximum number of tokens in prompt and answer together.
   * @param byPrompt see {@link Network.byPrompt}: what a prompt begins with then depends on all of it.
   * @throws GorpError `settings/text-too-long` if the model has fewer positions.
   */
  constructor(
    device: Device,
    readonly config: DecoderConfig,
    reach: number,
    readonly byPrompt = false,
  ) {
    this.#device = device;
    if (reach > config.maxPositions) {
      throw new GorpError(
        'settings/text-too-long',
        `Prompt and answer together may have ${reach} tokens, but this model reads at most ${config.maxPositions} (max_position_embeddings).`,
        'Lower the prompt length or the answer length.',
      );
    }
    this.shapes = decoderParameterShapes(config);
    const constants = new InputBuffers(device, this.#owned);
    this.one = constants.make('one', [1], 'f32', Float32Array.of(1));
    this.#constants = {
      tables: config.rotaries.map((settings) =>
        constants.make('rotary angles', [reach, settings.headDim], 'f32', rotaryTable(settings, reach)),
      ),
      zero: constants.make('position 0', [1], 'u32', Uint32Array.of(0)),
    };
  }

  get sharesBeginnings(): boolean {
    return !this.byPrompt;
  }

  get embeddingWidth(): number {
    return this.config.hiddenSize;
  }

  get tokens(): { padId: number; endIds: readonly number[] } {
    return this.config;
  }

  tiedNames(parameter: string): readonly string[] {
    return tiedDecoderNames(parameter, this.config);
  }

  isRedundant(name: string): boolean {
    return isRedundantDecoderName(name, this.config);
  }

  sizes(rows: Batch): BatchSizes {
    return decoderSizes(rows, this.sharesBeginnings);
  }

  tokensIn(rows: Batch): number {
    return Math.max(tokensRead(rows.map(textOf), this.sharesBeginnings), labelTokensOf(rows));
  }

  plannedSizes(batch: PlannedBatch): BatchSizes {
    return plannedDecoderSizes(batch, this.sharesBeginnings);
  }

  batch(sizes: BatchSizes, owned: OwnedBuffer[]): TrainingBatch {
    return new DecoderTrainingBatch(this, this.#constants, sizes, new InputBuffers(this.#device, owned));
  }

  sourceTokens(sources: readonly (readonly number[])[]): number {
    return sourceTokens(
      sources.map((source) => source.slice(0, -1)),
      this.sharesBeginnings,
    );
  }

  sourceBytes(tokens: number): number {
    const { layers, numKeyHeads, headDim } = this.config;
    return 2 * layers.length * tokens * numKeyHeads * headDim * 4;
  }

  generation(sizes: GenerationSizes, owned: OwnedBuffer[]): Generation {
    const { config } = this;
    const { tables, zero } = this.#constants;
    const read = (g: Graph, layers: Layers, { ids, spans, asking, positions, memory }: TokensRead): Projection => {
      const model = new Decoder(config, layers);
      const at = { tables, positions, offset: memory?.position ?? zero };
      return model.projection(model.read(g, ids, spans, at, { memory, asking }));
    };
    const { endIds: ends, padId, hiddenSize: embeddingWidth, numKeyHeads, headDim } = config;
    const writer: Writer = {
      ends,
      padId,
      startId: undefined,
      sharesBeginnings: this.sharesBeginnings,
      embedding: 'model.embed_tokens.weight',
      embeddingWidth,
      layers: config.layers.length,
      width: numKeyHeads * headDim,
      read: (g, layers, tokens) => {
        read(g, layers, tokens); // its scores are not computed, since nobody reads them
        return [];
      },
      write: read,
    };
    return new TextGeneration(this.#device, writer, sizes, owned);
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

class DecoderTrainingBatch extends LabelledBatch {
  readonly #network: DecoderNetwork;
  readonly #constants: Constants;
  readonly #sizes: BatchSizes;
  readonly #inputs: InputBuffers;
  readonly #ids: Tensor; // u32 [1, N]: see TokenList
  readonly #positions: Tensor; // i32 [1, N]
  readonly #spans: Tensor; // u32 [R, 6]
  readonly #predicting: Tensor; // u32 [1, L]
  readonly #counts: TokenCounts; // f32 [1, N]
  readonly #rowsOf: RowsOfTokens;

  constructor(network: DecoderNetwork, constants: Constants, sizes: BatchSizes, inputs: InputBuffers) {
    super(inputs, sizes, 'model.embed_tokens.weight');
    this.#network = network;
    this.#constants = constants;
    this.#sizes = sizes;
    this.#inputs = inputs;
    const { tokens: N, labels: L } = sizes;
    this.#ids = inputs.make('token ids', [1, N], 'u32');
    this.#positions = inputs.make('token positions', [1, N], 'i32');
    this.#spans = inputs.make('spans', [spansOf(sizes.rows), SPAN_FIELDS], 'u32');
    this.#predicting = inputs.make('predicting tokens', [1, L], 'u32');
    this.#counts = {
      counts: inputs.make('rows of tokens', [1, N], 'f32'),
      roots: inputs.make('roots of rows of tokens', [1, N], 'f32'),
    };
    this.#rowsOf = new RowsOfTokens(inputs, sizes);
  }

  write(rows: Batch, labelTokens = labelTokensOf(rows)): void {
    const { config, sharesBeginnings: shares } = this.#network;
    const list = listTokens(rows, this.#sizes, { padId: config.padId, shares });
    this.#inputs.write(this.#ids, list.ids);
    this.#inputs.write(this.#positions, list.positions);
    this.#inputs.write(this.#spans, spanTable(list.spans, this.#spans.shape[0]));
    this.#inputs.write(this.#predicting, list.predicting);
    this.#inputs.write(this.#counts.counts, list.counts);
    this.#inputs.write(this.#counts.roots, list.counts.map(Math.sqrt));
    this.writeLabels(
      list.labels,
      labelTokens,
      rows.map(({ source }) => source),
    );
    this.#rowsOf.write(list.rowOf);
  }

  predictions(g: Graph, layers: Layers): Projection {
    const { tables, zero } = this.#constants;
    const own = forPrompts(g, layers, () => this.promptMeans(g, layers))((copies) => this.#rowsOf.of(copies));
    const model = new Decoder(this.#network.config, own);
    const at = { tables, positions: this.#positions, offset: zero };
    const last = model.read(g, this.#ids, this.#spans, at); // [1, N, D]
    return model.projection(embedding(g, last, this.#predicting)); // [1, L, D]
  }

  counts(): TokenCounts {
    return this.#counts; // every layer reads prompt and label
  }
}
