import type { Batch, BatchSizes } from '../../base/batch.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { Arena } from '../../graph/arena.ts';
import { sizesKey } from '../../gorp/part/gradient-programs.ts';
import { type Compiled, compile, compileAll } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Layers } from '../../models/layers.ts';
import type { TreeSizes } from '../../models/label-tree.ts';
import type { Generation, Network, Ranking, TrainingBatch } from '../../models/network.ts';

/** Sources that are read together: their number, and the tokens of all. */
export interface SourceSizes {
  readonly B: number;
  readonly tokens: number;
}

/** A test batch, and the trees of the labels to rank. */
export interface EvaluationSizes extends SourceSizes, TreeSizes {}

/** Sources that wait for their answers: the most tokens of one, and those of all that are shared and stored once. */
export interface PoolSizes {
  readonly B: number;
  readonly S: number;
  readonly shared: number;
}

/**
 * The programs of one batch shape. They share the memory of their intermediates, so each starts after the one before it
 * ends.
 */
interface RankingPrograms {
  readonly generation: Generation;
  readonly prefill: Compiled;
  readonly ranking: Ranking;
  /** Results of `rank`, [1, choices] and [1, nodes]: read them before another of the programs runs. */
  readonly ranked: { readonly loss: Tensor; readonly best: Tensor };
  readonly rank: Compiled;
}

/** The loss of a batch of texts. */
interface LossPrograms {
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
 * @param sizes rows of a batch, and the most tokens of a source that are its own.
 */
export function poolRows(network: Pick<Network, 'sourceBytes'>, { B, S }: { B: number; S: number }): number {
  const rows = Math.min(B, Math.floor(POOL_BYTES / network.sourceBytes(S)));
  return B > 1 && rows >= B / 2 ? rows : 0;
}

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
  #batch: Held<RankingPrograms> | undefined;
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

  /** The sizes of sources that are read together. */
  sourceSizes(sources: readonly (readonly number[])[]): SourceSizes {
    return { B: sources.length, tokens: this.#network.sourceTokens(sources) };
  }

  /** The programs of a batch shape; frees those of another. @throws GorpError as {@link compile}. */
  async of(sizes: EvaluationSizes): Promise<RankingPrograms> {
    const key = Object.values(sizes).join('×');
    if (this.#batch?.key === key && this.#batch.version === this.#arena.version) return this.#batch.value;
    this.#releaseBatch();
    const owned: OwnedBuffer[] = [];
    const compiled: Compiled[] = [];
    const release = (): void => {
      for (const one of [...compiled, ...owned]) one.destroy();
    };
    try {
      const { B, tokens, nodes: answers } = sizes;
      const shape = { B, tokens, capacity: this.#capacity, answers };
      const generation = this.#network.generation(shape, owned);
      const ranking = generation.ranking(sizes, owned);
      const [reading, comparing] = [new Graph(), new Graph()];
      const read = generation.prefill(reading, this.#layers);
      const ranked = ranking.record(comparing, this.#layers);
      const programs = [
        { name: `encode ${key}`, graph: reading, roots: read },
        { name: `rank ${key}`, graph: comparing, roots: [ranked.loss, ranked.best] },
      ];
      compiled.push(...(await compileAll(this.#device, programs, this.#arena)));
      const [prefill, rank] = compiled;
      const value = { generation, prefill, ranking, ranked, rank };
      this.#batch = { key, value, version: this.#arena.version, release };
      return value;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The sizes of a batch of texts. */
  sizes(rows: Batch): BatchSizes {
    return this.#network.sizes(rows);
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

  /** A generation that adopts sources of several batches whose answers are still to be written. */
  pool({ B, S, shared }: PoolSizes): Generation {
    const key = `${B}×${S}×${shared}`;
    if (this.#pool?.key === key) return this.#pool.value;
    this.#releasePool();
    const owned: OwnedBuffer[] = [];
    const release = (): void => owned.forEach((buffer) => buffer.destroy());
    try {
      const sizes = { B, tokens: shared + B * S, shared, capacity: this.#capacity };
      this.#pool = { key, value: this.#network.generation(sizes, owned), version: 0, release };
      return this.#pool.value;
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

  #releaseBatch(): void {
    if (this.#batch && this.#decoders?.generation === this.#batch.value.generation) this.#releaseDecoders();
    this.#batch?.release();
    this.#batch = undefined;
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
    this.#releaseBatch();
    this.#releasePool();
    this.#releaseLoss();
    this.#releaseDecoders();
    this.#arena.destroy();
  }
}
