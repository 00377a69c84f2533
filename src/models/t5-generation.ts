import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import { argMax, choiceLosses } from '../graph/ops/choice-losses.ts';
import { type GenerationState, nextToken } from '../graph/ops/generation.ts';
import { HIDDEN } from '../graph/ops/position-bias.ts';
import { SPAN_FIELDS } from '../graph/ops/row-attention.ts';
import type { Tensor } from '../graph/tensor.ts';
import { GenerationCaches } from './generation-caches.ts';
import { InputBuffers } from './input-buffers.ts';
import { type LabelTree, leadsTo } from './label-tree.ts';
import type { Layers } from './layers.ts';
import type { Generation, GenerationSizes, Ranking, Scoring, TreeSizes } from './network.ts';
import { ScoredAnswers } from './scored-answers.ts';
import type { T5 } from './t5.ts';
import { layOutSources } from './t5-batch.ts';
import { relativePositionBucket, type T5Config } from './t5-config.ts';

/** Greedy generation with T5: computes the source's keys and values once, and caches those of the answer. */
export class T5Generation implements Generation {
  readonly #device: Device;
  readonly #config: T5Config;
  readonly #model: (layers: Layers) => T5;
  readonly #caches: GenerationCaches;
  readonly #sourceIds: Tensor; // u32 [B, S]
  readonly #sourceSpans: Tensor; // u32 [2 B, 6]
  /** Number of tokens of each source. */
  #lengths: number[] = [];

  constructor(
    device: Device,
    config: T5Config,
    model: (layers: Layers) => T5,
    { B, S, capacity }: GenerationSizes,
    owned: OwnedBuffer[],
  ) {
    this.#device = device;
    this.#config = config;
    this.#model = model;
    const { numDecoderLayers: layers, numHeads, dKv } = config;
    const sizes = { B, places: S, capacity, layers, width: numHeads * dKv, prompt: S, embeddingWidth: config.dModel };
    this.#caches = new GenerationCaches(device, sizes, 'right', owned);
    this.#sourceIds = this.#caches.inputs.make('source ids', [B, S], 'u32');
    this.#sourceSpans = this.#caches.inputs.make('source spans', [2 * B, SPAN_FIELDS], 'u32');
  }

  get state(): GenerationState {
    return this.#caches.state;
  }

  start(sources: readonly (readonly number[])[]): void {
    const { inputs, sizes } = this.#caches;
    const laidOut = layOutSources(sources, { B: sizes.B, S: sizes.places }, this.#config.padId);
    inputs.write(this.#sourceIds, laidOut.sourceIds);
    inputs.write(this.#sourceSpans, laidOut.sourceSpans);
    this.#caches.writePrompts(sources);
    this.#lengths = sources.map(({ length }) => length);
    this.#start();
  }

  #start(): void {
    const { inputs, sizes, state } = this.#caches;
    const { padId, startId } = this.#config;
    const first = Array.from({ length: sizes.B }, (_, b) => (this.#lengths[b] > 0 ? startId : null));
    this.#caches.showTokens(this.#lengths);
    inputs.startState(state, first, { position: 0, startId, padId });
  }

  prefill(g: Graph, layers: Layers): Tensor[] {
    const { layers: own, means } = this.#caches.readPrompts(g, layers, 'shared.weight');
    const model = this.#model(own);
    const memory = model.encode(g, this.#sourceIds, this.#sourceSpans); // [B, S, D]
    return [...means, ...this.#caches.keep(this.#caches.source.map((_, i) => model.crossKeyValue(g, i, memory)))];
  }

  async adopt(other: Generation, rows: readonly number[], at: number): Promise<void> {
    if (!(other instanceof T5Generation)) throw new Error('T5 can only adopt sources from T5');
    await this.#caches.adopt(other.#caches, rows, at);
    rows.forEach((row, i) => (this.#lengths[at + i] = other.#lengths[row]));
  }

  startAdopted(rows: number): void {
    this.#lengths.length = rows;
    this.#start();
  }

  decodeStep(g: Graph, layers: Layers, rows = this.#caches.sizes.B): void {
    const model = this.#model(this.#caches.forPrompts(g, layers, rows));
    const { state, source, sourceMask, own, ownMask } = this.#caches.first(rows);
    const last = model.decodeStep(g, state.current, state.position, own, ownMask, source, sourceMask); // [rows, 1, D]
    nextToken(g, argMax(g, model.logits(g, last)), state, this.#config.endIds, this.#config.padId);
  }

  moveToFront(rows: readonly number[]): Promise<number[]> {
    return this.#caches.moveToFront(rows, []);
  }

  ranking({ nodes, choices }: TreeSizes, owned: OwnedBuffer[]): Ranking {
    const { B } = this.#caches.sizes;
    const config = this.#config;
    const inputs = new InputBuffers(this.#device, owned);
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
        const model = this.#model(this.#caches.forPrompts(g, layers, B));
        const { source, sourceMask } = this.#caches;
        const last = model.decode(g, ids, { mask }, (i) => source[i], { mask: sourceMask }, [], pairs); // [B, nodes, D]
        return choiceLosses(g, model.projection(last), following);
      },
    };
  }

  scoring(tokens: number, owned: OwnedBuffer[]): Scoring {
    const { B } = this.#caches.sizes;
    const { padId, startId } = this.#config;
    const answers = new ScoredAnswers(new InputBuffers(this.#device, owned), { B, T: tokens }, padId);
    const first = new Array<number>(B).fill(startId);
    return {
      write: (labels) => answers.write(first, labels),
      record: (g, layers) => {
        const model = this.#model(this.#caches.forPrompts(g, layers, B));
        const { source, sourceMask } = this.#caches;
        const [own, cross] = [{ mask: answers.mask }, { mask: sourceMask }];
        const last = model.decode(g, answers.ids, own, (i) => source[i], cross); // [B, T, D]
        return answers.losses(g, model.projection(last));
      },
    };
  }
}

/** Buckets of the relative positions of a tree's nodes, [query, key]; a node sees itself and its ancestors. */
function pairBuckets(tree: LabelTree, { buckets, maxDistance }: T5Config): Uint32Array<ArrayBuffer> {
  const { depths } = tree;
  const N = depths.length;
  return Uint32Array.from({ length: N * N }, (_, at) => {
    const [i, j] = [Math.floor(at / N), at % N];
    return leadsTo(tree, j, i) ? relativePositionBucket(depths[j] - depths[i], false, buckets, maxDistance) : HIDDEN;
  });
}
