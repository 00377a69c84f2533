import { type BatchSizes, labelTokensOf, type TokenPair } from '../base/batch.ts';
import { GorpError } from '../base/errors.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import type { Distilling } from '../graph/ops/distillation.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { lastTokens } from '../graph/ops/last-tokens.ts';
import type { Tensor } from '../graph/tensor.ts';
import { type Constants, Decoder } from './decoder.ts';
import { layOutDecoderBatch } from './decoder-batch.ts';
import {
  type DecoderConfig,
  decoderParameterShapes,
  isRedundantDecoderName,
  tiedDecoderNames,
} from './decoder-config.ts';
import { DecoderBeginning } from './decoder-beginning.ts';
import { DecoderGeneration } from './decoder-generation.ts';
import { InputBuffers } from './input-buffers.ts';
import { LabelInputs } from './label-inputs.ts';
import { forPrompts, type Layers } from './layers.ts';
import type { Beginning, Generation, GenerationSizes, Network, TrainingBatch } from './network.ts';
import { PromptMeans } from './prompt-means.ts';
import { rotaryTable } from './rotary-angles.ts';

/** A decoder-only model for the method and the run: the graphs of its programs, and the constants they share. */
export class DecoderNetwork implements Network {
  readonly #device: Device;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly one: Tensor;
  readonly readsAnswersApart = false;
  readonly beginning: ((tokens: number, owned: OwnedBuffer[]) => Beginning) | null;
  readonly #owned: OwnedBuffer[] = [];
  readonly #constants: Constants;

  /**
   * @param reach maximum number of tokens in prompt and answer together.
   * @throws GorpError `settings/text-too-long` if the model has fewer positions.
   */
  constructor(
    device: Device,
    readonly config: DecoderConfig,
    reach: number,
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
    // A window would hide a beginning from tokens by a distance that padding makes unequal.
    const isSeen = config.layers.every(({ window }) => window === null || window >= reach);
    this.beginning = isSeen
      ? (tokens, owned) => new DecoderBeginning(device, config, this.#constants, tokens, owned)
      : null;
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

  batch(sizes: BatchSizes, owned: OwnedBuffer[]): TrainingBatch {
    return new DecoderTrainingBatch(this.config, this.#constants, sizes, new InputBuffers(this.#device, owned));
  }

  sourceBytes(tokens: number): number {
    const { layers, numKeyHeads, headDim } = this.config;
    return 2 * layers.length * tokens * numKeyHeads * headDim * 4;
  }

  generation(sizes: GenerationSizes, owned: OwnedBuffer[]): Generation {
    return new DecoderGeneration(this.#device, this.config, this.#constants, sizes, owned);
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

class DecoderTrainingBatch implements TrainingBatch {
  readonly #config: DecoderConfig;
  readonly #constants: Constants;
  readonly #sizes: BatchSizes;
  readonly #inputs: InputBuffers;
  readonly #ids: Tensor; // u32 [B, S + T − 1]: prompt and label without its last token, padded on the left
  readonly #mask: Tensor; // f32 [B, S + T − 1]
  readonly #start: Tensor; // i32 [B]
  readonly #labels: LabelInputs; // [B, T], −100 before the label
  readonly #means: PromptMeans;

  constructor(config: DecoderConfig, constants: Constants, sizes: BatchSizes, inputs: InputBuffers) {
    this.#config = config;
    this.#constants = constants;
    this.#sizes = sizes;
    this.#inputs = inputs;
    const { B, S, T } = sizes;
    this.#ids = inputs.make('token ids', [B, S + T - 1], 'u32');
    this.#mask = inputs.make('token mask', [B, S + T - 1], 'f32');
    this.#start = inputs.make('first positions', [B], 'i32');
    this.#labels = new LabelInputs(inputs, sizes);
    this.#means = new PromptMeans(inputs, sizes);
  }

  write(rows: readonly TokenPair[], labelTokens = labelTokensOf(rows)): void {
    const { ids, mask, start, labels } = layOutDecoderBatch(rows, this.#sizes, this.#config.padId);
    this.#inputs.write(this.#ids, ids);
    this.#inputs.write(this.#mask, mask);
    this.#inputs.write(this.#start, start);
    this.#labels.write(labels, labelTokens);
    this.#means.write(rows.map(({ source }) => source));
  }

  loss(g: Graph, layers: Layers): Tensor {
    return this.#labels.loss(g, this.predictions(g, layers));
  }

  distilled(g: Graph, layers: Layers, teacher: Layers, by: Distilling): { loss: Tensor; divergence: Tensor } {
    const [own, other] = [this.predictions(g, layers), this.predictions(g, teacher)];
    return this.#labels.distilled(g, own, other, by);
  }

  promptMeans(g: Graph, layers: Layers): Tensor {
    return this.#means.record(g, layers.parameter('model.embed_tokens.weight'));
  }

  beginOf(labelTokens: number): number {
    return this.#sizes.T - labelTokens;
  }

  predictions(g: Graph, layers: Layers): Projection {
    const { tables, zero } = this.#constants;
    const model = new Decoder(
      this.#config,
      forPrompts(g, layers, () => this.promptMeans(g, layers)),
    );
    const at = { tables, start: this.#start, position: zero };
    const { last } = model.read(g, this.#ids, this.#mask, at); // [B, S + T − 1, D]
    const predicting = lastTokens(g, last, this.#sizes.T); // [B, T, D]
    return model.projection(predicting);
  }

  rowMask(): Tensor {
    return this.#mask; // every layer reads prompt and label
  }
}
