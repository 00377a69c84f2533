import { GorpError } from '../base/errors.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Copy, Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import { argMax, choiceLosses, crossEntropy } from '../graph/ops/cross-entropy.ts';
import { type GenerationState, nextToken } from '../graph/ops/generation.ts';
import { lastTokens } from '../graph/ops/last-tokens.ts';
import { HIDING_BIAS } from '../graph/ops/position-bias.ts';
import type { Tensor } from '../graph/tensor.ts';
import { firstKeyValues, firstRows, firstStates, InputBuffers } from './input-buffers.ts';
import { leadsTo } from './label-tree.ts';
import type { KeyValue, Layers } from './layers.ts';
import { Llama, type Prompts } from './llama.ts';
import { layOutLlamaBatch, padLeft } from './llama-batch.ts';
import { isRedundantLlamaName, type LlamaConfig, llamaParameterShapes, tiedLlamaNames } from './llama-config.ts';
import type { BatchSizes, Generation, Network, Ranking, TokenPair, TrainingBatch, TreeSizes } from './network.ts';
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
    private readonly device: Device,
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
    const constants = new InputBuffers(device, this.#owned);
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
    return new LlamaTrainingBatch(this.config, this.#constants, sizes, new InputBuffers(this.device, owned));
  }

  sourceBytes(tokens: number): number {
    const { numLayers, numKeyHeads, headDim } = this.config;
    return 2 * numLayers * tokens * numKeyHeads * headDim * 4;
  }

  generation(sizes: { B: number; S: number; capacity: number }, owned: OwnedBuffer[]): Generation {
    return new LlamaGeneration(this.device, this.config, this.#constants, sizes, owned);
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
 * Greedy generation with LLaMA. The prompt but for its last token is read once; generation and ranking start
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
  /** The sources, and the place behind the last token of theirs that has been read. */
  #read: { source: readonly number[]; end: number }[] = [];
  /** The last token of every prompt, where a row has one. */
  #lastIds: number[] = [];
  /** The positions of these tokens. */
  #lastPositions: number[] = [];

  constructor(
    private readonly device: Device,
    private readonly config: LlamaConfig,
    private readonly constants: Constants,
    private readonly sizes: { B: number; S: number; capacity: number },
    owned: OwnedBuffer[],
  ) {
    const { B, capacity } = sizes;
    const P = this.#promptLength;
    const inputs = new InputBuffers(device, owned);
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
    this.#read = sources.map((source) => ({ source, end: this.#promptLength }));
    this.#inputs.write(this.#promptIds, ids);
    this.#inputs.write(this.#prompts.mask, mask);
    this.#inputs.write(this.#promptStart, start);
    this.#start();
  }

  #start(): void {
    const { padId } = this.config;
    const { B } = this.sizes;
    const sources = Array.from({ length: B }, (_, b) => this.#read[b]?.source ?? []);
    const last = sources.map((source) => source.at(-1) ?? null);
    this.#lastIds = last.map((id) => id ?? padId);
    this.#lastPositions = sources.map(({ length }) => Math.max(0, length - 1));
    this.#inputs.write(this.#answerStart, Int32Array.from(this.#lastPositions));
    this.#inputs.startState(this.state, last, { position: 0, startId: padId, padId });
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

  async adopt(other: Generation, rows: readonly number[], at: number): Promise<void> {
    if (!(other instanceof LlamaGeneration)) throw new Error('LLaMA adopts what LLaMA has read');
    const copies = (from: Tensor, into: Tensor): Copy[] => this.#inputs.copiesOfRows(from, rows, into, at);
    const read = other.#prompts.keyValues;
    await this.device.run(
      [],
      this.#prompts.keyValues.flatMap(({ k, v }, i) => [...copies(read[i].k, k), ...copies(read[i].v, v)]),
    );
    rows.forEach((row, i) => (this.#read[at + i] = other.#read[row]));
  }

  startAdopted(rows: number): void {
    this.#read.length = rows;
    const { B } = this.sizes;
    const P = this.#promptLength;
    const mask = new Float32Array(B * P);
    this.#read.forEach(({ source, end }, b) => mask.fill(1, b * P + end - (source.length - 1), b * P + end));
    this.#inputs.write(this.#prompts.mask, mask);
    this.#start();
  }

  decodeStep(g: Graph, layers: Layers, rows = this.sizes.B): void {
    const model = new Llama(this.config, layers);
    const state = firstStates(this.state, rows);
    const [start, mask, cacheMask] = [this.#answerStart, this.#prompts.mask, this.#cacheMask].map((tensor) =>
      firstRows(tensor, rows),
    );
    const [own, keyValues] = [this.#own, this.#prompts.keyValues].map((each) => firstKeyValues(each, rows));
    const at = { table: this.constants.table, start, position: state.position };
    const last = model.answerStep(g, state.current, at, own, cacheMask, { keyValues, mask }); // [rows, 1, D]
    nextToken(g, argMax(g, model.logits(g, last)), state, this.config.endIds, this.config.padId);
  }

  ranking({ nodes, choices }: TreeSizes, owned: OwnedBuffer[]): Ranking {
    const { B } = this.sizes;
    const inputs = new InputBuffers(this.device, owned);
    const ids = inputs.make('label ids', [B, nodes], 'u32');
    const mask = inputs.make('label mask', [B, nodes], 'f32', new Float32Array(B * nodes).fill(1));
    const start = inputs.make('label positions', [B, nodes], 'i32');
    const hiding = inputs.make('hidden labels', [1, nodes, nodes], 'f32');
    const following = inputs.choices(nodes, choices);
    return {
      write: (tree) => {
        const { tokens, depths } = tree;
        const each = <T>(of: (row: number, node: number) => T): T[] =>
          Array.from({ length: B * nodes }, (_, at) => of(Math.floor(at / nodes), at % nodes));
        inputs.write(ids, Uint32Array.from(each((row, node) => (node === 0 ? this.#lastIds[row] : tokens[node]))));
        inputs.write(start, Int32Array.from(each((row, node) => this.#lastPositions[row] + depths[node])));
        const hides = (i: number, j: number): number => (leadsTo(tree, j, i) ? 0 : HIDING_BIAS);
        const pairs = Float32Array.from({ length: nodes * nodes }, (_, at) =>
          hides(Math.floor(at / nodes), at % nodes),
        );
        inputs.write(hiding, pairs);
        inputs.writeChoices(following, tree);
      },
      record: (g, layers) => {
        const { table, zero } = this.constants;
        const model = new Llama(this.config, layers);
        const last = model.answer(g, ids, mask, { table, start, position: zero }, this.#prompts, hiding); // [B, nodes, D]
        return choiceLosses(g, model.projection(last), following);
      },
    };
  }
}
