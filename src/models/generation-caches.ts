import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import type { GenerationState } from '../graph/ops/generation.ts';
import { placeIn, sizeOf, storageOf, type Tensor } from '../graph/tensor.ts';
import { InputBuffers } from './input-buffers.ts';
import { forPrompts, type KeyValue, type Layers } from './layers.ts';
import { PromptMeans } from './prompt-means.ts';

/** Sizes of generation's caches on the device. */
export interface CacheSizes {
  readonly B: number;
  /** Length of a source, including padding. */
  readonly places: number;
  /** Maximum number of tokens in an answer, plus one for the token that generation starts from. */
  readonly capacity: number;
  readonly layers: number;
  /** Values of a key, over all heads. */
  readonly width: number;
  /** Maximum length of a prompt, and width of its tokens' embeddings. */
  readonly prompt: number;
  readonly embeddingWidth: number;
}

/** Generation's state on the device: keys and values of sources and answers, and its progress. */
export class GenerationCaches {
  readonly #device: Device;
  readonly #padding: 'left' | 'right';
  readonly inputs: InputBuffers;
  readonly state: GenerationState;
  /** Room for the longest row of all caches, on its way from one place to another. */
  readonly #way: Tensor;
  /** Per layer, for the sources: [B, places, width]. */
  readonly source: readonly KeyValue[];
  /** f32 [B, places]: 0 hides padding. */
  readonly sourceMask: Tensor;
  /** Per layer, for the answers: [B, capacity, width]. */
  readonly own: readonly KeyValue[];
  /** f32 [B, capacity], all ones. */
  readonly ownMask: Tensor;
  readonly #prompts: PromptMeans;
  /** The stored means of prompts, [1, B, D]; only for layers with gates. */
  #means: Tensor | undefined;

  /** @param padding the side on which sources are padded. */
  constructor(
    device: Device,
    readonly sizes: CacheSizes,
    padding: 'left' | 'right',
    owned: OwnedBuffer[],
  ) {
    this.#device = device;
    this.#padding = padding;
    const { B, places, capacity, layers, width } = sizes;
    const inputs = new InputBuffers(device, owned);
    const keyValues = (length: number): KeyValue[] =>
      Array.from({ length: layers }, () => ({
        k: inputs.cache('cached keys', [B, length, width]),
        v: inputs.cache('cached values', [B, length, width]),
      }));
    this.inputs = inputs;
    this.#prompts = new PromptMeans(inputs, { sources: B, tokens: B * sizes.prompt });
    this.source = keyValues(places);
    this.sourceMask = inputs.make('source mask', [B, places], 'f32');
    this.own = keyValues(capacity);
    this.ownMask = inputs.make('cache mask', [B, capacity], 'f32', new Float32Array(B * capacity).fill(1));
    this.state = inputs.generationState(B, capacity);
    this.#way = inputs.cache('moved row', [Math.max(Math.max(places, capacity) * width, sizes.embeddingWidth)]);
  }

  /** Stores computed keys and values of the sources in the caches. @returns the tensors to compute. */
  keep(computed: readonly KeyValue[]): Tensor[] {
    return computed.flatMap(({ k, v }, i) => {
      // The last kernel of each key and value writes directly to the cache.
      placeIn(k, storageOf(this.source[i].k));
      placeIn(v, storageOf(this.source[i].v));
      return [k, v];
    });
  }

  /** Writes whole prompts. The gates of adapters read the mean of each. */
  writePrompts(prompts: readonly (readonly number[])[]): void {
    this.#prompts.write(prompts);
  }

  /**
   * The layers that read prompts. If adapters have gates, their means are stored for the answers, whose gates do not
   * change.
   *
   * @param table name of the token embedding. @returns the tensors to compute, too.
   */
  readPrompts(g: Graph, layers: Layers, table: string): { layers: Layers; means: Tensor[] } {
    if (layers.gated === undefined) return { layers, means: [] };
    const means = this.#prompts.record(g, layers.parameter(table));
    placeIn(means, storageOf(this.#storedMeans));
    return { layers: layers.gated(g, means), means: [means] };
  }

  /** The layers that write answers to the first prompts, whose means are stored. */
  forPrompts(g: Graph, layers: Layers, rows: number): Layers {
    return forPrompts(g, layers, () => {
      const shape = [1, rows, this.sizes.embeddingWidth];
      return { ...this.#storedMeans, shape, elements: sizeOf(shape) };
    });
  }

  get #storedMeans(): Tensor {
    const { B, embeddingWidth } = this.sizes;
    return (this.#means ??= this.inputs.cache('means of prompts', [1, B, embeddingWidth]));
  }

  /** Copies rows of sources from other caches of the same layers, which may be shorter, to rows from `at` on. */
  async adopt(other: GenerationCaches, rows: readonly number[], at: number): Promise<void> {
    const copies = this.source.flatMap(({ k, v }, i) =>
      [
        [other.source[i].k, k],
        [other.source[i].v, v],
      ].flatMap(([from, into]) => this.inputs.copiesOfRows(from, rows, into, at, this.#padding === 'left')),
    );
    if (other.#means) copies.push(...this.inputs.copiesOfRows(byRow(other.#means), rows, byRow(this.#storedMeans), at));
    await this.#device.run([], copies);
  }

  /**
   * Moves rows to the first places, over those that are not among them: see {@link Generation.moveToFront}.
   *
   * @param others further tensors [B, …] with a row for each source.
   */
  async moveToFront(rows: readonly number[], others: readonly Tensor[]): Promise<number[]> {
    const chosen = new Set(rows);
    const places = rows.map((_, place) => place);
    const free = places.filter((place) => !chosen.has(place));
    const moved = rows.filter((row) => row >= rows.length);
    const { current, done, tokens } = this.state;
    const tensors = [
      ...[...this.source, ...this.own].flatMap(({ k, v }) => [k, v]),
      ...[this.sourceMask, current, done, tokens],
      ...(this.#means ? [byRow(this.#means)] : []),
      ...others,
    ];
    await this.#device.run(
      [],
      tensors.flatMap((tensor) => this.inputs.movesOfRows(tensor, moved, free, this.#way)),
    );
    return places.map((place) => (chosen.has(place) ? place : moved[free.indexOf(place)]));
  }

  /** Shows this many tokens of each source, and hides its padding. */
  showTokens(counts: readonly number[]): void {
    const { B, places } = this.sizes;
    const mask = new Float32Array(B * places);
    counts.forEach((count, row) => {
      const begin = row * places + (this.#padding === 'left' ? places - count : 0);
      mask.fill(1, begin, begin + count);
    });
    this.inputs.write(this.sourceMask, mask);
  }

  /** The same for the first rows only. */
  first(rows: number): Pick<GenerationCaches, 'state' | 'source' | 'sourceMask' | 'own' | 'ownMask'> {
    const { state, source, sourceMask, own, ownMask } = this;
    const [current, done, tokens] = [state.current, state.done, state.tokens].map((tensor) => firstRows(tensor, rows));
    return {
      state: { ...state, current, done, tokens },
      source: firstKeyValues(source, rows),
      sourceMask: firstRows(sourceMask, rows),
      own: firstKeyValues(own, rows),
      ownMask: firstRows(ownMask, rows),
    };
  }
}

/** Means of prompts [1, B, D] as [B, D]. */
const byRow = (means: Tensor): Tensor => ({ ...means, shape: means.shape.slice(1) });

/** The first rows of a tensor as a separate tensor. */
export function firstRows(tensor: Tensor, rows: number): Tensor {
  const shape = [rows, ...tensor.shape.slice(1)];
  return { ...tensor, shape, elements: sizeOf(shape) };
}

const firstKeyValues = (keyValues: readonly KeyValue[], rows: number): KeyValue[] =>
  keyValues.map(({ k, v }) => ({ k: firstRows(k, rows), v: firstRows(v, rows) }));
