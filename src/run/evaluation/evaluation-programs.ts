import type { Batch, BatchSizes } from '../../base/batch.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { Arena } from '../../graph/arena.ts';
import { sizesKey } from '../../gorp/part/gradient-programs.ts';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Layers } from '../../models/layers.ts';
import type {
  Beginning,
  Generation,
  Network,
  Ranking,
  Scoring,
  TrainingBatch,
  TreeSizes,
} from '../../models/network.ts';

/** Sources that are read together: rows, padded tokens of each, and what all begin with, if it was read before. */
export interface SourceSizes {
  readonly B: number;
  readonly S: number;
  readonly beginning?: Beginning | undefined;
}

/** A test batch, and the tree of the labels to rank. */
export interface EvaluationSizes extends SourceSizes, TreeSizes {}

/**
 * The programs of one batch shape. They share the memory of their intermediates, so each starts after the one before it
 * ends.
 */
export interface EvaluationPrograms {
  readonly generation: Generation;
  readonly prefill: Compiled;
}

/** Sources with the right answer of each, whose tokens are scored, and the most tokens of an answer. */
export interface ScoringSizes extends SourceSizes {
  readonly T: number;
}

/** The same with labels to rank. */
export interface RankingPrograms extends EvaluationPrograms {
  readonly ranking: Ranking;
  /** Results of `rank`, [B, choices] and [B, nodes]: read them before another of the programs runs. */
  readonly ranked: { readonly loss: Tensor; readonly best: Tensor };
  readonly rank: Compiled;
}

/** The same with an answer to score. */
export interface ScoringPrograms extends EvaluationPrograms {
  readonly scoring: Scoring;
  /** Result of `score`, [B · T]: read it before another of the programs runs. */
  readonly scores: Tensor;
  readonly score: Compiled;
}

/** The loss of a batch of texts. */
export interface LossPrograms {
  readonly batch: TrainingBatch;
  /** Mean over the answers' tokens, [1]: read it before another of the programs runs. */
  readonly loss: Tensor;
  readonly forward: Compiled;
}

// Maximum memory for sources that wait for their answers, next to those being read.
const POOL_BYTES = 2 ** 25;

/**
 * How many sources may wait, so that answers of several batches are written together: as many as a batch has rows, or
 * as fit. 0 if only a part of a batch fits: then each batch is better answered in place.
 *
 * @param sizes rows of a batch, and the longest padded source.
 */
export function poolRows(network: Pick<Network, 'sourceBytes'>, { B, S }: { B: number; S: number }): number {
  const rows = Math.min(B, Math.floor(POOL_BYTES / network.sourceBytes(S)));
  return B > 1 && rows >= B / 2 ? rows : 0;
}

/**
 * Whether what all sources begin with can be read once for all: not if their tokens see those that follow, as in T5, and
 * not if gates make what is read depend on the whole prompt.
 */
export const sharesBeginnings = ({ beginning }: Pick<Network, 'beginning'>, hasGates: boolean): boolean =>
  beginning !== null && !hasGates;

/** Compiles a program of a batch. */
type Add = (name: string, g: Graph, roots: Tensor[]) => Promise<Compiled>;

/** A resource on the GPU that is held until another replaces it. */
interface Held<T> {
  readonly key: string;
  readonly value: T;
  /** State of the shared memory that programs were compiled for. */
  readonly version: number;
  release(): void;
}

/** Decoding steps of a generation by their number of rows, which falls as answers end. */
interface Decoders {
  readonly generation: Generation;
  /** State of the shared memory that all were compiled for. */
  readonly version: number;
  readonly ofRows: Map<number, Compiled>;
}

/**
 * Programs that test a model. Holds those of one batch shape at a time: an earlier shape seldom returns within a task,
 * and its keys and values are the largest buffers of a test.
 */
export class Evaluations {
  readonly #device: Device;
  readonly #network: Network;
  readonly #layers: Layers;
  readonly #capacity: number;
  readonly #arena: Arena;
  #beginning: { readonly value: Beginning; release(): void } | undefined;
  #batch: Held<RankingPrograms> | undefined;
  #scoring: Held<ScoringPrograms> | undefined;
  #loss: Held<LossPrograms> | undefined;
  #pool: Held<Generation> | undefined;
  #decoders: Decoders | undefined;

  /** @param capacity maximum number of tokens in an answer, plus its start token. */
  constructor(device: Device, network: Network, layers: Layers, capacity: number) {
    this.#device = device;
    this.#network = network;
    this.#layers = layers;
    this.#capacity = capacity;
    this.#arena = new Arena(device, 'testing');
  }

  /** Whether what all sources begin with can be read once for all. */
  get sharesBeginnings(): boolean {
    return sharesBeginnings(this.#network, this.#layers.gated !== undefined);
  }

  /**
   * Reads what all sources begin with, for the generations of later batches; frees that of other sources, with every
   * program that reads it.
   *
   * @throws GorpError as {@link compile}, and `device/lost`.
   */
  async readBeginning(ids: readonly number[]): Promise<Beginning | undefined> {
    if (ids.length > 0 || this.#beginning) this.#releaseSources();
    if (ids.length === 0 || this.#network.beginning === null) return undefined;
    const owned: OwnedBuffer[] = [];
    const release = (): void => owned.forEach((buffer) => buffer.destroy());
    try {
      const value = this.#network.beginning(ids.length, owned);
      const g = new Graph();
      const reading = await compile(this.#device, 'read the beginning', g, value.read(g, this.#layers), this.#arena);
      try {
        value.write(ids);
        await this.#device.run([reading.program]);
      } finally {
        reading.destroy();
      }
      this.#beginning = { value, release };
      return value;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The programs of a batch shape; frees those of another. @throws GorpError as {@link compile}. */
  async of(sizes: EvaluationSizes): Promise<RankingPrograms> {
    const { B, S, nodes, choices } = sizes;
    const key = `${B}×${S}×${nodes}×${choices}`;
    if (this.#batch?.key === key && this.#batch.version === this.#arena.version) return this.#batch.value;
    this.#releaseBatch();
    const inputsOf = (generation: Generation, owned: OwnedBuffer[]): Ranking => generation.ranking(sizes, owned);
    this.#batch = await this.#made(key, sizes, inputsOf, async (read, ranking, add) => {
      const g = new Graph();
      const ranked = ranking.record(g, this.#layers);
      return { ...read, ranking, ranked, rank: await add(`rank ${key}`, g, [ranked.loss, ranked.best]) };
    });
    return this.#batch.value;
  }

  /**
   * The programs that read a batch and score an answer to each source; the model then writes its own. Frees those of
   * another shape.
   *
   * @throws GorpError as {@link compile}.
   */
  async scoring(sizes: ScoringSizes): Promise<ScoringPrograms> {
    const { B, S, T } = sizes;
    const key = `${B}×${S}×${T}`;
    if (this.#scoring?.key === key && this.#scoring.version === this.#arena.version) return this.#scoring.value;
    this.#releaseScoring();
    const inputsOf = (generation: Generation, owned: OwnedBuffer[]): Scoring => generation.scoring(T, owned);
    this.#scoring = await this.#made(key, sizes, inputsOf, async (read, scoring, add) => {
      const g = new Graph();
      const scores = scoring.record(g, this.#layers);
      return { ...read, scoring, scores, score: await add(`score ${key}`, g, [scores]) };
    });
    return this.#scoring.value;
  }

  /**
   * Programs that read a batch, and those that are added to them.
   *
   * @param inputsOf makes what the added programs read.
   * @param added compiles them: again if one has enlarged the memory that all share.
   */
  async #made<Inputs, Made>(
    key: string,
    { B, S, beginning }: SourceSizes,
    inputsOf: (generation: Generation, owned: OwnedBuffer[]) => Inputs,
    added: (read: EvaluationPrograms, inputs: Inputs, add: Add) => Promise<Made>,
  ): Promise<Held<Made>> {
    const owned: OwnedBuffer[] = [];
    const compiled: Compiled[] = [];
    const releasePrograms = (): void => compiled.splice(0).forEach((one) => one.destroy());
    const release = (): void => {
      releasePrograms();
      for (const buffer of owned) buffer.destroy();
    };
    const add: Add = async (name, g, roots) => {
      const one = await compile(this.#device, name, g, roots, this.#arena);
      compiled.push(one);
      return one;
    };
    try {
      const generation = this.#network.generation({ B, S, capacity: this.#capacity, beginning }, owned);
      const inputs = inputsOf(generation, owned);
      for (;;) {
        const { version } = this.#arena;
        const g = new Graph();
        const prefill = await add(`encode ${key}`, g, generation.prefill(g, this.#layers));
        const value = await added({ generation, prefill }, inputs, add);
        if (version === this.#arena.version) return { key, value, version, release };
        releasePrograms();
      }
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The sizes of a batch of texts. */
  sizes(rows: Batch): BatchSizes {
    return this.#network.sizes(rows, this.#layers.gated !== undefined);
  }

  /** The program for the loss of a batch of texts; frees that of other sizes. @throws GorpError as {@link compile}. */
  async lossOf(sizes: BatchSizes): Promise<LossPrograms> {
    const key = sizesKey(sizes);
    if (this.#loss?.key === key && this.#loss.version === this.#arena.version) return this.#loss.value;
    this.#releaseLoss();
    const owned: OwnedBuffer[] = [];
    let forward: Compiled | undefined;
    const release = (): void => {
      forward?.destroy();
      for (const buffer of owned) buffer.destroy();
    };
    try {
      const batch = this.#network.batch(sizes, owned);
      const g = new Graph();
      const loss = batch.loss(g, this.#layers);
      forward = await compile(this.#device, `loss ${key}`, g, [loss], this.#arena);
      const value = { batch, loss, forward };
      this.#loss = { key, value, version: this.#arena.version, release };
      return value;
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * A generation that adopts sources of several batches whose answers are still to be written.
   *
   * @param sizes rows, and the longest padded source.
   */
  pool({ B, S, beginning }: SourceSizes): Generation {
    const key = `${B}×${S}`;
    if (this.#pool?.key === key) return this.#pool.value;
    this.#releasePool();
    const owned: OwnedBuffer[] = [];
    const release = (): void => owned.forEach((buffer) => buffer.destroy());
    try {
      const value = this.#network.generation({ B, S, capacity: this.#capacity, beginning }, owned);
      this.#pool = { key, value, version: 0, release };
      return value;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The decoding step for the first rows of a generation; frees those of another. @throws GorpError as {@link compile}. */
  async decoder(generation: Generation, rows: number): Promise<Compiled> {
    const held = this.#decoders;
    const isCurrent = held?.generation === generation && held.version === this.#arena.version;
    const known = isCurrent ? held.ofRows.get(rows) : undefined;
    if (known) return known;
    if (!isCurrent) this.#releaseDecoders();
    const g = new Graph();
    generation.decodeStep(g, this.#layers, rows);
    const compiled = await compile(this.#device, `decode ${rows}`, g, [], this.#arena);
    const { version } = this.#arena;
    if (this.#decoders?.version !== version) {
      this.#releaseDecoders();
      this.#decoders = { generation, version, ofRows: new Map() };
    }
    this.#decoders.ofRows.set(rows, compiled);
    return compiled;
  }

  /** Frees what a task's sources were read with. */
  #releaseSources(): void {
    this.#releaseBatch();
    this.#releaseScoring();
    this.#releasePool();
    this.#beginning?.release();
    this.#beginning = undefined;
  }

  #releaseBatch(): void {
    if (this.#batch && this.#decoders?.generation === this.#batch.value.generation) this.#releaseDecoders();
    this.#batch?.release();
    this.#batch = undefined;
  }

  #releaseScoring(): void {
    if (this.#scoring && this.#decoders?.generation === this.#scoring.value.generation) this.#releaseDecoders();
    this.#scoring?.release();
    this.#scoring = undefined;
  }

  #releaseLoss(): void {
    this.#loss?.release();
    this.#loss = undefined;
  }

  #releasePool(): void {
    if (this.#pool && this.#decoders?.generation === this.#pool.value) this.#releaseDecoders();
    this.#pool?.release();
    this.#pool = undefined;
  }

  #releaseDecoders(): void {
    this.#decoders?.ofRows.forEach((one) => one.destroy());
    this.#decoders = undefined;
  }

  destroy(): void {
    this.#releaseSources();
    this.#releaseLoss();
    this.#releaseDecoders();
    this.#arena.destroy();
  }
}
