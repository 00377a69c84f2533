import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import { type Span, span, SPAN_FIELDS, spanTable, startOf } from '../graph/ops/attention.ts';
import { argMax, type Choices, choiceLosses } from '../graph/ops/cross-entropy.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { type GenerationState, nextToken } from '../graph/ops/generation.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { placeIn, sizeOf, storageOf, type Tensor } from '../graph/tensor.ts';
import { InputBuffers, PromptMeans, RowsOfTokens } from './input-buffers.ts';
import { type ForTokens, forPrompts, type KeyMemory, type KeyValue, type Layers } from './layers.ts';
import type { LabelTree, TreeSizes } from './label-tree.ts';
import type { Generation, GenerationSizes, Ranking } from './network.ts';
import { keysOf, listTexts, spansOf } from './token-list.ts';

/** A list of tokens as a graph reads it. */
export interface TokensRead {
  /** u32 [1, N]. */
  readonly ids: Tensor;
  /** i32 [1, N]: their positions, to which that of `memory` is added. */
  readonly positions: Tensor;
  /** u32 [R, 6]: which tokens they see. */
  readonly spans: Tensor;
  /** u32 [R, 6]: which sources they see, in a model that reads sources apart. */
  readonly cross: Tensor;
  /** How many spans of these tables ask: the first ones. */
  readonly asking: number;
  /** Where their keys and values are stored; absent if no later token sees them. */
  readonly memory?: KeyMemory | undefined;
}

/** Tokens that later ones see, since their keys and values are stored. */
type Remembered = TokensRead & { readonly memory: KeyMemory };

/** How a model family reads sources and writes answers. */
export interface Writer {
  readonly ends: readonly number[];
  readonly padId: number;
  /** The token that answers begin with; undefined if that is the last token of the source. */
  readonly startId: number | undefined;
  /** Whether what sources begin with is read once for all. */
  readonly sharesBeginnings: boolean;
  /** Name of the token embedding, whose width is D. */
  readonly embedding: string;
  readonly embeddingWidth: number;
  /** Layers whose keys and values are stored, and how many numbers each has. */
  readonly layers: number;
  readonly width: number;
  /** Reads sources. With a start token keys and values of each layer are returned, otherwise they are in `memory`. */
  read(g: Graph, layers: Layers, tokens: TokensRead): KeyValue[];
  /** Reads tokens of answers. @param sources keys and values of these. @returns the scores of what follows each token. */
  write(g: Graph, layers: Layers, tokens: TokensRead, sources: readonly KeyValue[]): Projection;
}

/** A source that was read: the span of keys in which it ends, its tokens before the answer, and what this begins with. */
interface Source {
  readonly end: Span | undefined;
  readonly count: number;
  readonly first: number;
}

/**
 * Greedy generation for several sources, and ranking of labels as their answers. Sources are read as one list; what is
 * kept of them, and of what is written, are keys and values, since a step computes one token of each row.
 */
export class TextGeneration implements Generation {
  readonly #device: Device;
  readonly #writer: Writer;
  readonly #sizes: GenerationSizes;
  readonly #inputs: InputBuffers;
  readonly state: GenerationState;
  /** Keys and values of sources, and of answers: from row `ownBegin` on, `capacity` rows for each. */
  readonly #sourceKeys: readonly KeyValue[];
  readonly #answerKeys: readonly KeyValue[];
  readonly #ownBegin: number;
  readonly #zero: Tensor;
  readonly #reading: TokensRead;
  readonly #rowsRead: RowsOfTokens;
  readonly #prompts: PromptMeans;
  /** The stored means of prompts, [1, B, D]; only for layers that depend on it. */
  #means: Tensor | undefined;
  readonly #step: Remembered;
  /** Room for a row of the state, on its way from one place to another. */
  readonly #way: Tensor;
  #sources: Source[] = [];
  /** Whose rows of the caches hold the answer of each row. */
  #slots: number[] = [];

  constructor(device: Device, writer: Writer, sizes: GenerationSizes, owned: OwnedBuffer[]) {
    this.#device = device;
    this.#writer = writer;
    this.#sizes = sizes;
    const { B, tokens: N, capacity, answers = 0 } = sizes;
    const { layers, width, startId } = writer;
    const inputs = new InputBuffers(device, owned);
    this.#inputs = inputs;
    const own = Math.max(B * capacity, answers);
    const keyValues = (rows: number): KeyValue[] =>
      Array.from({ length: layers }, () => ({
        k: inputs.cache('cached keys', [rows, width]),
        v: inputs.cache('cached values', [rows, width]),
      }));
    const isJoint = startId === undefined;
    this.#ownBegin = isJoint ? N : 0;
    this.#sourceKeys = keyValues(isJoint ? N + own : N);
    this.#answerKeys = isJoint ? this.#sourceKeys : keyValues(own);
    this.#zero = inputs.make('position 0', [1], 'u32', Uint32Array.of(0));
    this.#reading = this.#list('sources', N, spansOf(B) + 1, 0);
    this.#rowsRead = new RowsOfTokens(inputs, { tokens: N, sources: B });
    this.#prompts = new PromptMeans(inputs, { sources: B, tokens: N + B });
    this.state = inputs.generationState(B, capacity);
    const step = this.#list('steps', B, B, 0);
    this.#step = { ...step, ids: this.state.current, memory: { ...step.memory, position: this.state.position } };
    this.#way = inputs.cache('moved row', [Math.max(capacity, writer.embeddingWidth)]);
  }

  /** The inputs of a list of tokens, whose keys and values go to rows from `first` on. */
  #list(name: string, count: number, asking: number, first: number): Remembered {
    const room = asking + spansOf(this.#sizes.B) + 1;
    const places = Uint32Array.from({ length: count }, (_, i) => first + i);
    return {
      ids: this.#inputs.make(`ids of ${name}`, [1, count], 'u32'),
      positions: this.#inputs.make(`positions of ${name}`, [1, count], 'i32'),
      spans: this.#inputs.make(`spans of ${name}`, [room, SPAN_FIELDS], 'u32'),
      cross: this.#inputs.make(`spans from ${name} to sources`, [room, SPAN_FIELDS], 'u32'),
      asking,
      memory: {
        caches: this.#answerKeys,
        places: this.#inputs.make(`places of ${name}`, [count], 'u32', places),
        position: this.#zero,
      },
    };
  }

  /**
   * Writes which tokens of answers see which: those of a span see what they continue, and the source of its row, in the
   * same attention or in one of their own.
   */
  #writeSpans({ spans, cross }: TokensRead, answers: readonly { readonly row: number; readonly span: Span }[]): void {
    const sources = keysOf(this.#sources.flatMap(({ end }) => end ?? []));
    const known = [...new Set(sources.values())];
    const sourceOf = (row: number): Span | undefined => this.#sources.at(row)?.end;
    const isJoint = this.#writer.startId === undefined;
    const made = new Map<Span, Span>();
    for (const { row, span: one } of answers) {
      const end = sourceOf(row);
      const after = one.after ? made.get(one.after) : isJoint && end ? sources.get(end) : undefined;
      made.set(one, { ...one, after });
    }
    const own = [...made.values()];
    this.#inputs.write(spans, spanTable(isJoint ? [...own, ...known] : own, spans.shape[0]));
    if (isJoint) return;
    const across = answers.map(({ row, span: { queries, queryCount } }): Span => {
      const end = sourceOf(row);
      return { queries, queryCount, keys: 0, keyCount: 0, after: end && sources.get(end) };
    });
    this.#inputs.write(cross, spanTable([...across, ...known], cross.shape[0]));
  }

  start(sources: readonly (readonly number[])[]): void {
    const { B, tokens: N } = this.#sizes;
    const { startId, padId, sharesBeginnings: shares } = this.#writer;
    if (sources.length > B) throw new RangeError(`${sources.length} sources exceed ${B} rows.`);
    const isJoint = startId === undefined;
    const texts = isJoint ? sources.map((source) => source.slice(0, -1)) : sources;
    const list = listTexts(texts, { N, shares, padId });
    this.#inputs.write(this.#reading.ids, list.ids);
    this.#inputs.write(this.#reading.positions, list.positions);
    this.#inputs.write(this.#reading.spans, spanTable(list.spans, this.#reading.spans.shape[0]));
    this.#rowsRead.write(list.rowOf);
    this.#prompts.write(sources);
    this.#sources = sources.map((source, row) => ({
      end: list.ends[row],
      count: texts[row].length,
      first: startId ?? source[source.length - 1],
    }));
    this.#start();
  }

  #start(): void {
    const { startId, padId } = this.#writer;
    const first = Array.from({ length: this.#sizes.B }, (_, row) => this.#sources.at(row)?.first ?? null);
    this.#inputs.startState(this.state, first, { position: 0, startId: startId ?? padId, padId });
    this.#slots = [...first.keys()];
    this.#writeStep();
  }

  #writeStep(): void {
    const { capacity } = this.#sizes;
    const { positions, memory } = this.#step;
    const places = this.#slots.map((slot) => this.#ownBegin + slot * capacity);
    this.#inputs.write(memory.places, Uint32Array.from(places));
    this.#inputs.write(
      positions,
      Int32Array.from(places, (_, row) => this.#sources.at(row)?.count ?? 0),
    );
    this.#writeSpans(
      this.#step,
      places.map((keys, row) => ({ row, span: { queries: row, queryCount: 1, keys, keyCount: capacity } })),
    );
  }

  prefill(g: Graph, layers: Layers): Tensor[] {
    const means = layers.byPrompt && this.#prompts.record(g, layers.parameter(this.#writer.embedding));
    if (means) placeIn(means, storageOf(this.#storedMeans));
    const own = (means && layers.byPrompt?.(g, means)((copies) => this.#rowsRead.of(copies))) ?? layers;
    const computed = this.#writer.read(g, own, this.#reading).flatMap(({ k, v }, i) => {
      // The last kernel of each key and value writes directly to the cache.
      placeIn(k, storageOf(this.#sourceKeys[i].k));
      placeIn(v, storageOf(this.#sourceKeys[i].v));
      return [k, v];
    });
    return means ? [means, ...computed] : computed;
  }

  get #storedMeans(): Tensor {
    return (this.#means ??= this.#inputs.cache('means of prompts', [1, this.#sizes.B, this.#writer.embeddingWidth]));
  }

  /** The layers that write answers to the first prompts, whose means are stored. */
  #forPrompts(g: Graph, layers: Layers, rows: number): ForTokens {
    return forPrompts(g, layers, () => viewOf(this.#storedMeans, [1, rows, this.#writer.embeddingWidth]));
  }

  async adopt(other: Generation, rows: readonly number[], at: number): Promise<void> {
    if (!(other instanceof TextGeneration)) throw new Error('only sources of the same network can be adopted');
    const { B, tokens: N, shared = 0 } = this.#sizes;
    const stride = Math.floor((N - shared) / B);
    const beginning = span(0, shared);
    const copies = rows.flatMap((row, i) => {
      const { end, count, first } = other.#sources[row];
      const keys = shared + (at + i) * stride;
      if (count - shared > stride) throw new RangeError(`A source of ${count} tokens exceeds ${shared + stride}.`);
      const own = { ...span(keys, count - shared), after: shared > 0 ? beginning : undefined };
      this.#sources[at + i] = { end: own, count, first };
      // What all sources begin with is copied with the first.
      const parts = [...(i === 0 ? [{ from: 0, to: shared, into: 0 }] : []), { from: shared, to: count, into: keys }];
      return parts.flatMap((part) => placesOf(end, part));
    });
    const layers = this.#sourceKeys.flatMap(({ k, v }, i) =>
      [
        [other.#sourceKeys[i].k, k],
        [other.#sourceKeys[i].v, v],
      ].flatMap(([from, into]) => copies.map((copy) => this.#inputs.copyOfRows(from, into, copy))),
    );
    const means =
      other.#means === undefined
        ? []
        : rows.map((row, i) => {
            const [from, into] = [other.#storedMeans, this.#storedMeans].map(byRow);
            return this.#inputs.copyOfRows(from, into, { from: row, into: at + i, count: 1 });
          });
    await this.#device.run([], [...layers, ...means]);
  }

  startAdopted(rows: number): void {
    this.#sources.length = rows;
    this.#start();
  }

  decodeStep(g: Graph, layers: Layers, rows = this.#sizes.B): void {
    const { padId, ends } = this.#writer;
    const { current, done, tokens } = this.state;
    const { ids, positions, memory, ...tables } = this.#step;
    const step = {
      ...tables,
      ids: viewOf(ids, [1, rows]),
      positions: viewOf(positions, [1, rows]),
      asking: rows,
      memory: { ...memory, places: viewOf(memory.places, [rows]) },
    };
    const { x, head, alpha } = this.#writer.write(g, this.#forPrompts(g, layers, rows)(), step, this.#sourceKeys);
    const best = argMax(g, matmul(g, x, head, { layout: 'nt', alpha }));
    const [, capacity] = tokens.shape;
    const first = {
      current: viewOf(current, [rows, 1]),
      done: viewOf(done, [rows]),
      tokens: viewOf(tokens, [rows, capacity]),
    };
    nextToken(g, best, { ...this.state, ...first }, ends, padId);
  }

  async moveToFront(rows: readonly number[]): Promise<number[]> {
    const chosen = new Set(rows);
    const places = rows.map((_, place) => place);
    const free = places.filter((place) => !chosen.has(place));
    const moved = rows.filter((row) => row >= rows.length);
    const kept = places.map((place) => (chosen.has(place) ? place : moved[free.indexOf(place)]));
    const { current, done, tokens } = this.state;
    const tensors = [current, done, tokens, ...(this.#means ? [byRow(this.#means)] : [])];
    await this.#device.run(
      [],
      tensors.flatMap((tensor) => this.#inputs.movesOfRows(tensor, moved, free, this.#way)),
    );
    const others = [...this.#slots.keys()].filter((row) => !chosen.has(row));
    this.#slots = [...kept, ...others].map((row) => this.#slots[row]);
    this.#sources = kept.map((row) => this.#sources[row]);
    this.#writeStep();
    return kept;
  }

  ranking({ nodes: L, choices, runs }: TreeSizes, owned: OwnedBuffer[]): Ranking {
    const inputs = new InputBuffers(this.#device, owned);
    const { B } = this.#sizes;
    const stored = this.#list('labels', L, runs + 1, this.#ownBegin);
    // Nobody sees labels but they themselves, which a model that reads sources apart has at hand.
    const list = this.#writer.startId === undefined ? stored : { ...stored, memory: undefined };
    const rowsOf = new RowsOfTokens(inputs, { tokens: L, sources: B });
    const following = inputs.choices(L, choices);
    return {
      write: (trees) => this.#writeTrees(list, rowsOf, following, trees),
      record: (g, layers) => {
        const own = this.#forPrompts(g, layers, B)((copies) => rowsOf.of(copies));
        return choiceLosses(g, this.#writer.write(g, own, list, this.#sourceKeys), following);
      },
    };
  }

  #writeTrees(list: TokensRead, rowsOf: RowsOfTokens, following: Choices, trees: readonly LabelTree[]): void {
    const L = list.ids.elements;
    const ids = new Uint32Array(L).fill(this.#writer.padId);
    const positions = new Int32Array(L);
    const rowOf = new Uint32Array(L);
    const begins = new Uint32Array(L + 1);
    const tokens = new Uint32Array(following.tokens.elements);
    const spans: { row: number; span: Span }[] = [];
    let [at, choice] = [0, 0];
    trees.forEach((tree, row) => {
      const { first, count } = this.#sources[row];
      const nodes = tree.tokens.length;
      if (at + nodes > L || choice + tree.choices.tokens.length > tokens.length) {
        throw new RangeError(`The labels exceed ${L} nodes with ${tokens.length} choices.`);
      }
      ids.set([first, ...tree.tokens.slice(1)], at);
      positions.set(
        tree.depths.map((depth) => count + depth),
        at,
      );
      rowOf.fill(row, at, at + nodes);
      begins.set(
        tree.choices.begins.map((begin) => choice + begin),
        at,
      );
      tokens.set(tree.choices.tokens, choice);
      const made: Span[] = [];
      for (const { first: node, count: length, after } of tree.runs) {
        const queries = at + node;
        made.push({ ...span(queries, length), keys: this.#ownBegin + queries, after: made[after] });
      }
      spans.push(...made.map((one) => ({ row, span: one })));
      at += nodes;
      choice += tree.choices.tokens.length;
    });
    begins.fill(choice, at);
    const left = { queries: at, queryCount: L - at, keys: 0, keyCount: 0 };
    this.#inputs.write(list.ids, ids);
    this.#inputs.write(list.positions, positions);
    this.#inputs.write(following.begins, begins);
    this.#inputs.write(following.tokens, tokens);
    this.#writeSpans(list, at < L ? [...spans, { row: Infinity, span: left }] : spans);
    rowsOf.write(rowOf);
  }
}

/** The rows of caches that hold some positions of a source, and where they are copied to. */
function placesOf(
  end: Span | undefined,
  { from, to, into }: { from: number; to: number; into: number },
): { from: number; into: number; count: number }[] {
  if (end === undefined || from >= to) return [];
  const start = startOf(end);
  const begin = Math.max(from, start);
  const before = placesOf(end.after, { from, to: Math.min(to, start), into });
  if (begin >= to) return before;
  return [...before, { from: end.keys + begin - start, into: into + begin - from, count: to - begin }];
}

/** Means of prompts [1, B, D] as [B, D]. */
const byRow = (means: Tensor): Tensor => ({ ...means, shape: means.shape.slice(1) });

/** The first elements of a persistent tensor as one of another shape. */
const viewOf = (tensor: Tensor, shape: readonly number[]): Tensor => ({ ...tensor, shape, elements: sizeOf(shape) });
