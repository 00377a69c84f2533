import { GorpError } from '../base/errors.ts';
import type { OwnedBuffer } from '../gpu/buffers.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Graph } from '../graph/graph.ts';
import { argMax, crossEntropy, rowLosses } from '../graph/ops/cross-entropy.ts';
import { type GenerationState, nextToken } from '../graph/ops/generation.ts';
import { lastTokens } from '../graph/ops/last-tokens.ts';
import type { Tensor } from '../graph/tensor.ts';
import { InputBuffers } from './input-buffers.ts';
import type { KeyValue, Layers } from './layers.ts';
import { Llama, type Prompts } from './llama.ts';
import { layOutLlamaBatch, padLeft } from './llama-batch.ts';
import { isRedundantLlamaName, type LlamaConfig, llamaParameterShapes, tiedLlamaNames } from './llama-config.ts';
import {
  type BatchSizes,
  type Candidates,
  type Generation,
  IGNORED_LABEL,
  type Network,
  type TokenPair,
  type TrainingBatch,
} from './network.ts';
import { rotaryTable } from './rotary-angles.ts';

/** What all graphs of a LLaMA read besides parameters and a batch. */
interface Constants {
  /** f32 [reach, d]: cos and sin of all positions. */
  readonly table: Tensor;
  /** u32 [1]: 0. */
  readonly zero: Tensor;
}

/** Everything of LLaMA that the method and the run need: programs' graphs, and the constants they share on the GPU. */
export class LlamaNetwork implements Network {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly one: Tensor;
  readonly #owned: OwnedBuffer[] = [];
  readonly #constants: Constants;

  /**
   * @param reach tokens of the longest prompt and answer together that will be asked for.
   * @throws GorpError `settings/text-too-long` when the model has fewer positions.
   */
  constructor(
    private readonly gpu: Gpu,
    readonly config: LlamaConfig,
    reach: number,
  ) {
    if (reach > config.maxPositions) {
      throw new GorpError(
        'settings/text-too-long',
        `Prompt and answer may take ${reach} tokens together; this model reads at most ${config.maxPositions} (max_position_embeddings).`,
        'Set shorter prompts or answers.',
      );
    }
    this.shapes = llamaParameterShapes(config);
    const constants = new InputBuffers(gpu, this.#owned);
    this.one = constants.make('one', [1], 'f32', Float32Array.of(1));
    this.#constants = {
      table: constants.make('rotary angles', [reach, config.headDim], 'f32', rotaryTable(config, reach)),
      zero: constants.make('position 0', [1], 'u32', Uint32Array.of(0)),
    };
  }

  get tokens(): { padId: number; endIds: readonly number[] } {
    return this.config;
  }

  tiedNames(parameter: string): readonly string[] {
    return tiedLlamaNames(parameter, this.config);
  }

  isRedundant(name: string): boolean {
    return isRedundantLlamaName(name, this.config);
  }

  batch(sizes: BatchSizes, owned: OwnedBuffer[]): TrainingBatch {
    return new LlamaTrainingBatch(this.config, this.#constants, sizes, new InputBuffers(this.gpu, owned));
  }

  generation(sizes: { B: number; S: number; capacity: number }, owned: OwnedBuffer[]): Generation {
    return new LlamaGeneration(this.gpu, this.config, this.#constants, sizes, owned);
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }
}

class LlamaTrainingBatch implements TrainingBatch {
  readonly #ids: Tensor; // u32 [B, S + T − 1]: prompt and label without its last token, padded on the left
  readonly #mask: Tensor; // f32 [B, S + T − 1]
  readonly #start: Tensor; // i32 [B]
  readonly #labels: Tensor; // i32 [B, T], −100 before the label
  readonly #weights: Tensor; // f32 [B · T]: loss mask over its divisor

  constructor(
    private readonly config: LlamaConfig,
    private readonly constants: Constants,
    private readonly sizes: BatchSizes,
    private readonly inputs: InputBuffers,
  ) {
    const { B, S, T } = sizes;
    this.#ids = inputs.make('token ids', [B, S + T - 1], 'u32');
    this.#mask = inputs.make('token mask', [B, S + T - 1], 'f32');
    this.#start = inputs.make('first positions', [B], 'i32');
    this.#labels = inputs.make('labels', [B, T], 'i32');
    this.#weights = inputs.make('loss weights', [B * T], 'f32');
  }

  write(rows: readonly TokenPair[]): void {
    const { ids, mask, start, labels } = layOutLlamaBatch(rows, this.sizes, this.config.padId);
    const tokens = labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
    this.inputs.write(this.#ids, ids);
    this.inputs.write(this.#mask, mask);
    this.inputs.write(this.#start, start);
    this.inputs.write(this.#labels, labels);
    this.inputs.write(
      this.#weights,
      Float32Array.from(labels, (label) => (label >= 0 ? 1 / tokens : 0)),
    );
  }

  loss(g: Graph, layers: Layers): Tensor {
    const { table, zero } = this.constants;
    const model = new Llama(this.config, layers);
    const at = { table, start: this.#start, position: zero };
    const { last } = model.read(g, this.#ids, this.#mask, at); // [B, S + T − 1, D]
    const predicting = lastTokens(g, last, this.sizes.T); // [B, T, D]
    return crossEntropy(g, model.projection(predicting), this.#labels, this.#weights);
  }

  rowMask(): Tensor {
    return this.#mask; // every layer reads prompt and label
  }
}

/**
 * Greedy generation with LLaMA. The prompt but for its last token is read once; generation and candidate answers start
 * from that last token, behind keys and values that they share.
 */
class LlamaGeneration implements Generation {
  readonly state: GenerationState;
  readonly #inputs: InputBuffers;
  readonly #promptIds: Tensor; // u32 [B, P], padded on the left
  readonly #promptStart: Tensor; // i32 [B]
  readonly #answerStart: Tensor; // i32 [B]: position of the prompt's last token
  readonly #prompts: Prompts; // keys and values [B, P, Hk·d]
  readonly #own: readonly KeyValue[]; // per layer: of the last token and what was generated, [B, capacity, Hk·d]
  readonly #cacheMask: Tensor; // f32 [B, capacity], all ones
  /** The last token of every prompt, where a row has one. */
  #lastIds: number[] = [];

  constructor(
    private readonly gpu: Gpu,
    private readonly config: LlamaConfig,
    private readonly constants: Constants,
    private readonly sizes: { B: number; S: number; capacity: number },
    owned: OwnedBuffer[],
  ) {
    const { B, capacity } = sizes;
    const P = this.#promptLength;
    const inputs = new InputBuffers(gpu, owned);
    const width = config.numKeyHeads * config.headDim;
    const keyValues = (length: number): KeyValue[] =>
      Array.from({ length: config.numLayers }, () => ({
        k: inputs.make('cached keys', [B, length, width], 'f32'),
        v: inputs.make('cached values', [B, length, width], 'f32'),
      }));
    this.#inputs = inputs;
    this.#promptIds = inputs.make('prompt ids', [B, P], 'u32');
    this.#promptStart = inputs.make('first positions', [B], 'i32');
    this.#answerStart = inputs.make('answer positions', [B], 'i32');
    this.#prompts = { keyValues: keyValues(P), mask: inputs.make('prompt mask', [B, P], 'f32') };
    this.#own = keyValues(capacity);
    this.#cacheMask = inputs.make('cache mask', [B, capacity], 'f32', new Float32Array(B * capacity).fill(1));
    this.state = inputs.generationState(B, capacity);
  }

  /** P; a prompt of one token leaves one place, which is hidden. */
  get #promptLength(): number {
    return Math.max(1, this.sizes.S - 1);
  }

  start(sources: readonly (readonly number[])[]): void {
    const { padId } = this.config;
    const { B } = this.sizes;
    const { ids, mask, start } = padLeft(
      sources.map((source) => source.slice(0, -1)),
      { B, S: this.#promptLength },
      padId,
    );
    const rows = Array.from({ length: B }, (_, b) => sources[b]?.at(-1) ?? null);
    this.#lastIds = rows.map((id) => id ?? padId);
    this.#inputs.write(this.#promptIds, ids);
    this.#inputs.write(this.#prompts.mask, mask);
    this.#inputs.write(this.#promptStart, start);
    this.#inputs.write(
      this.#answerStart,
      Int32Array.from({ length: B }, (_, b) => Math.max(0, (sources[b]?.length ?? 0) - 1)),
    );
    this.#inputs.startState(this.state, rows, { position: 0, startId: padId, padId });
  }

  prefill(g: Graph, layers: Layers): Tensor[] {
    const { table, zero } = this.constants;
    const at = { table, start: this.#promptStart, position: zero };
    const { keyValues } = new Llama(this.config, layers).read(g, this.#promptIds, this.#prompts.mask, at);
    return keyValues.flatMap(({ k, v }, i) => {
      // The last kernel of each key and value writes straight into the state.
      Object.assign(k, { storage: this.#prompts.keyValues[i].k.storage });
      Object.assign(v, { storage: this.#prompts.keyValues[i].v.storage });
      return [k, v];
    });
  }

  decodeStep(g: Graph, layers: Layers): void {
    const model = new Llama(this.config, layers);
    const { current, position } = this.state;
    const at = { table: this.constants.table, start: this.#answerStart, position };
    const last = model.answerStep(g, current, at, this.#own, this.#cacheMask, this.#prompts); // [B, 1, D]
    nextToken(g, argMax(g, model.logits(g, last)), this.state, this.config.endIds, this.config.padId);
  }

  candidates(count: number, T: number, owned: OwnedBuffer[]): Candidates {
    const rows = this.sizes.B * count; // those of a prompt side by side
    const inputs = new InputBuffers(this.gpu, owned);
    const ids = inputs.make('candidate ids', [rows, T], 'u32');
    const mask = inputs.make('candidate mask', [rows, T], 'f32', new Float32Array(rows * T).fill(1));
    const labels = inputs.make('candidate labels', [rows, T], 'i32');
    return {
      write: (candidates) => {
        const read = new Uint32Array(rows * T).fill(this.config.padId);
        const predicted = new Int32Array(rows * T).fill(IGNORED_LABEL);
        for (let row = 0; row < rows; row++) {
          const candidate = candidates[row % count];
          read.set([this.#lastIds[Math.floor(row / count)], ...candidate.slice(0, T - 1)], row * T);
          predicted.set(candidate, row * T);
        }
        inputs.write(ids, read);
        inputs.write(labels, predicted);
      },
      losses: (g, layers) => {
        const { table, zero } = this.constants;
        const model = new Llama(this.config, layers);
        const at = { table, start: this.#answerStart, position: zero };
        const last = model.answer(g, ids, mask, at, this.#prompts); // [B · count, T, D]
        return rowLosses(g, model.projection(last), labels).loss;
      },
    };
  }
}
