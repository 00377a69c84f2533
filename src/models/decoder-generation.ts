import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import { argMax, choiceLosses } from '../graph/ops/choice-losses.ts';
import { type GenerationState, nextToken } from '../graph/ops/generation.ts';
import { HIDING_BIAS } from '../graph/ops/position-bias.ts';
import type { Tensor } from '../graph/tensor.ts';
import { type Constants, Decoder, type Prompts } from './decoder.ts';
import { DecoderBeginning } from './decoder-beginning.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { firstRows, GenerationCaches } from './generation-caches.ts';
import { InputBuffers } from './input-buffers.ts';
import { type LabelTree, leadsTo } from './label-tree.ts';
import type { Layers } from './layers.ts';
import type { Generation, GenerationSizes, Ranking, Scoring, TreeSizes } from './network.ts';
import { ScoredAnswers } from './scored-answers.ts';

/**
 * Greedy generation with a decoder-only model. It reads the prompt without its last token once; generation and ranking
 * start from that last token and share the prompt's keys and values. What all prompts begin with may have been read
 * before: sources are then what follows.
 */
export class DecoderGeneration implements Generation {
  readonly #device: Device;
  readonly #config: DecoderConfig;
  readonly #constants: Constants;
  readonly #caches: GenerationCaches;
  readonly #beginning: DecoderBeginning | undefined;
  readonly #promptIds: Tensor; // u32 [B, P], padded on the left
  readonly #promptStart: Tensor; // i32 [B]
  readonly #answerStart: Tensor; // i32 [B]: position of the prompt's last token
  #sources: (readonly number[])[] = [];
  /** The last token of every prompt, if a row has one. */
  #lastIds: number[] = [];
  /** The positions of these tokens. */
  #lastPositions: number[] = [];

  constructor(
    device: Device,
    config: DecoderConfig,
    constants: Constants,
    { B, S, capacity, beginning }: GenerationSizes,
    owned: OwnedBuffer[],
  ) {
    if (beginning && !(beginning instanceof DecoderBeginning)) throw new Error('this beginning is of another network');
    this.#beginning = beginning;
    this.#device = device;
    this.#config = config;
    this.#constants = constants;
    const P = Math.max(1, S - 1); // a prompt of one token leaves one position, which is hidden
    const { layers, numKeyHeads, headDim } = config;
    const sizes = { B, places: P, capacity, layers: layers.length, width: numKeyHeads * headDim };
    const prompts = { prompt: S, embeddingWidth: config.hiddenSize };
    this.#caches = new GenerationCaches(device, { ...sizes, ...prompts }, 'left', owned);
    const { inputs } = this.#caches;
    this.#promptIds = inputs.make('prompt ids', [B, P], 'u32');
    this.#promptStart = inputs.make('first positions', [B], 'i32');
    this.#answerStart = inputs.make('answer positions', [B], 'i32');
  }

  get state(): GenerationState {
    return this.#caches.state;
  }

  /** What is read before every source. */
  get #before(): Prompts[] {
    return this.#beginning ? [this.#beginning.prompts] : [];
  }

  start(sources: readonly (readonly number[])[]): void {
    const { inputs, sizes } = this.#caches;
    const { ids, start } = padLeft(
      sources.map((source) => source.slice(0, -1)),
      { B: sizes.B, S: sizes.places },
      this.#config.padId,
    );
    this.#sources = [...sources];
    this.#caches.writePrompts(sources);
    const first = this.#beginning?.tokens ?? 0;
    inputs.write(this.#promptIds, ids);
    inputs.write(
      this.#promptStart,
      start.map((position) => first + position),
    );
    this.#start();
  }

  #start(): void {
    const { inputs, sizes, state } = this.#caches;
    const { padId } = this.#config;
    const sources = Array.from({ length: sizes.B }, (_, b) => this.#sources.at(b) ?? []);
    const last = sources.map((source) => source.at(-1) ?? null);
    this.#lastIds = last.map((id) => id ?? padId);
    const counts = sources.map(({ length }) => Math.max(0, length - 1));
    this.#lastPositions = counts.map((count) => (this.#beginning?.tokens ?? 0) + count);
    this.#caches.showTokens(counts);
    inputs.write(this.#answerStart, Int32Array.from(this.#lastPositions));
    inputs.startState(state, last, { position: 0, startId: padId, padId });
  }

  prefill(g: Graph, layers: Layers): Tensor[] {
    const { tables, zero } = this.#constants;
    const at = { tables, start: this.#promptStart, position: zero };
    const { layers: own, means } = this.#caches.readPrompts(g, layers, 'model.embed_tokens.weight');
    const model = new Decoder(this.#config, own);
    const { keyValues } = model.read(g, this.#promptIds, this.#caches.sourceMask, at, { before: this.#before });
    return [...means, ...this.#caches.keep(keyValues)];
  }

  async adopt(other: Generation, rows: readonly number[], at: number): Promise<void> {
    if (!(other instanceof DecoderGeneration)) throw new Error('a decoder can only adopt prompts from a decoder');
    await this.#caches.adopt(other.#caches, rows, at);
    rows.forEach((row, i) => (this.#sources[at + i] = other.#sources[row]));
  }

  startAdopted(rows: number): void {
    this.#sources.length = rows;
    this.#start();
  }

  decodeStep(g: Graph, layers: Layers, rows = this.#caches.sizes.B): void {
    const model = new Decoder(this.#config, this.#caches.forPrompts(g, layers, rows));
    const { state, source, sourceMask, own, ownMask } = this.#caches.first(rows);
    const at = { tables: this.#constants.tables, start: firstRows(this.#answerStart, rows), position: state.position };
    const prompts = { keyValues: source, mask: sourceMask };
    const last = model.answerStep(g, state.current, at, own, ownMask, [prompts, ...this.#before]); // [rows, 1, D]
    nextToken(g, argMax(g, model.logits(g, last)), state, this.#config.endIds, this.#config.padId);
  }

  moveToFront(rows: readonly number[]): Promise<number[]> {
    return this.#caches.moveToFront(rows, [this.#answerStart]);
  }

  ranking({ nodes, choices }: TreeSizes, owned: OwnedBuffer[]): Ranking {
    const { B, places } = this.#caches.sizes;
    const inputs = new InputBuffers(this.#device, owned);
    const ids = inputs.make('label ids', [B, nodes], 'u32');
    const mask = inputs.make('label mask', [B, nodes], 'f32', new Float32Array(B * nodes).fill(1));
    const start = inputs.make('label positions', [B, nodes], 'i32');
    const windows = [...new Set(this.#config.layers.map(({ window }) => window))];
    const hidden = windows.map((window) => ({
      window,
      own: inputs.make('hidden labels', [1, nodes, nodes], 'f32'),
      prompt: window === null ? undefined : inputs.make('hidden prompts', [1, nodes, places], 'f32'),
    }));
    const ofWindow = (window: number | null): (typeof hidden)[number] => hidden[windows.indexOf(window)];
    const following = inputs.choices(nodes, choices);
    return {
      write: (tree) => {
        const { tokens, depths } = tree;
        const each = <T>(of: (row: number, node: number) => T): T[] =>
          Array.from({ length: B * nodes }, (_, at) => of(Math.floor(at / nodes), at % nodes));
        inputs.write(ids, Uint32Array.from(each((row, node) => (node === 0 ? this.#lastIds[row] : tokens[node]))));
        inputs.write(start, Int32Array.from(each((row, node) => this.#lastPositions[row] + depths[node])));
        for (const { window, own, prompt } of hidden) {
          inputs.write(own, hiddenNodes(tree, window));
          if (prompt && window !== null) inputs.write(prompt, hiddenPrompts(tree, window, places));
        }
        inputs.writeChoices(following, tree);
      },
      record: (g, layers) => {
        const { tables, zero } = this.#constants;
        const model = new Decoder(this.#config, this.#caches.forPrompts(g, layers, B));
        const at = { tables, start, position: zero };
        const prompts = { keyValues: this.#caches.source, mask: this.#caches.sourceMask };
        const last = model.answer(g, ids, mask, at, [prompts, ...this.#before], {
          own: (window) => ofWindow(window).own,
          prompt: (window) => ofWindow(window).prompt,
        }); // [B, nodes, D]
        return choiceLosses(g, model.projection(last), following);
      },
    };
  }

  scoring(tokens: number, owned: OwnedBuffer[]): Scoring {
    const { B } = this.#caches.sizes;
    const answers = new ScoredAnswers(new InputBuffers(this.#device, owned), { B, T: tokens }, this.#config.padId);
    return {
      write: (labels) => answers.write(this.#lastIds, labels),
      record: (g, layers) => {
        const { tables, zero } = this.#constants;
        const model = new Decoder(this.#config, this.#caches.forPrompts(g, layers, B));
        const at = { tables, start: this.#answerStart, position: zero };
        const prompts = { keyValues: this.#caches.source, mask: this.#caches.sourceMask };
        const last = model.answer(g, answers.ids, answers.mask, at, [prompts, ...this.#before]); // [B, T, D]
        return answers.losses(g, model.projection(last));
      },
    };
  }
}

/**
 * The bias that hides a tree's nodes from each other, [query, key]: a node sees itself and its ancestors in its window.
 */
function hiddenNodes(tree: LabelTree, window: number | null): Float32Array<ArrayBuffer> {
  const { depths } = tree;
  const N = depths.length;
  return Float32Array.from({ length: N * N }, (_, at) => {
    const [i, j] = [Math.floor(at / N), at % N];
    const isNear = window === null || depths[i] - depths[j] < window;
    return isNear && leadsTo(tree, j, i) ? 0 : HIDING_BIAS;
  });
}

/** The bias that hides positions of the prompt, which end where the tree begins, from its nodes: [query, position]. */
function hiddenPrompts({ depths }: LabelTree, window: number, places: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: depths.length * places }, (_, at) => {
    const distance = places + depths[Math.floor(at / places)] - (at % places);
    return distance < window ? 0 : HIDING_BIAS;
  });
}

/** Rows of tokens in a batch of B rows of S, padded on the left. */
function padLeft(
  rows: readonly (readonly number[])[],
  { B, S }: { B: number; S: number },
  padId: number,
): { ids: Uint32Array<ArrayBuffer>; start: Int32Array<ArrayBuffer> } {
  const longest = Math.max(0, ...rows.map((ids) => ids.length));
  if (rows.length > B || longest > S) {
    throw new RangeError(`${rows.length} texts of up to ${longest} tokens exceed a batch of ${B} rows of ${S}.`);
  }
  const ids = new Uint32Array(B * S).fill(padId);
  const start = new Int32Array(B).fill(-S); // of the first element, so that the first token has position 0
  rows.forEach((row, b) => {
    ids.set(row, (b + 1) * S - row.length);
    start[b] = row.length - S;
  });
  return { ids, start };
}
