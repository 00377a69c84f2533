import type { OwnedBuffer } from '../device/buffers.ts';
import type { Graph } from '../graph/graph.ts';
import type { GenerationState } from '../graph/ops/generation.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { LabelTree } from './label-tree.ts';
import type { Layers } from './layers.ts';

/** Label id of a place that the loss leaves out, as in PyTorch. */
export const IGNORED_LABEL = -100;

/** A source and the answer to it, as token ids. */
export interface TokenPair {
  readonly source: readonly number[];
  readonly label: readonly number[];
}

/** Sizes of a batch: rows, padded length of sources and of labels, in tokens. */
export interface BatchSizes {
  readonly B: number;
  readonly S: number;
  readonly T: number;
}

/** Examples with the sizes they are padded to; fewer examples than B leave the last rows empty. */
export interface SizedBatch {
  readonly sizes: BatchSizes;
  readonly rows: readonly TokenPair[];
}

/** The inputs of one batch shape on the GPU, and what is computed from them. */
export interface TrainingBatch {
  /** Puts examples into the inputs. The loss is the mean over all label tokens of the batch. */
  write(rows: readonly TokenPair[]): void;
  /** Mean cross-entropy over label tokens: a scalar [1]. */
  loss(g: Graph, layers: Layers): Tensor;
  /**
   * The same loss, and how far answers are from a teacher's: the mean over label tokens of KL(teacher ‖ layers) at a
   * temperature, a scalar [1, 1].
   */
  distilled(g: Graph, layers: Layers, teacher: Layers, temperature: number): { loss: Tensor; divergence: Tensor };
  /** Which rows of the inputs of a layer are tokens and not padding: f32, one per row. */
  rowMask(layer: string): Tensor;
}

/** Greedy generation for a batch of sources, and the ranking of labels as answers to them. */
export interface Generation {
  readonly state: GenerationState;
  /** Sets the state to the beginning; rows without a source are ended from the start. */
  start(sources: readonly (readonly number[])[]): void;
  /** Reads the sources, whatever decoding and ranking need of them. @returns what must be computed. */
  prefill(g: Graph, layers: Layers): Tensor[];
  /**
   * Takes over sources that another generation of the same network has read: its `rows` become the rows from `at` on.
   * Sources may be padded to less there than here.
   */
  adopt(other: Generation, rows: readonly number[], at: number): Promise<void>;
  /** Sets the state to the beginning for the first rows, which have been adopted; the others are ended. */
  startAdopted(rows: number): void;
  /**
   * One decoding step, arg-max and bookkeeping included: replayed until all rows have ended.
   *
   * @param rows how many of the first rows it is for; all when left out.
   */
  decodeStep(g: Graph, layers: Layers, rows?: number): void;
  /** Inputs of the ranking of labels as answers to each of the sources. */
  ranking(sizes: TreeSizes, owned: OwnedBuffer[]): Ranking;
}

/** Sizes of a {@link LabelTree}. */
export interface TreeSizes {
  /** Prefixes that go on, N, and what may follow them in all, C. */
  readonly nodes: number;
  readonly choices: number;
}

/** Labels as answers to the sources of a generation that has been prefilled. */
export interface Ranking {
  /** Puts the same labels behind every source that generation has started with. */
  write(tree: LabelTree): void;
  /**
   * Reads all labels behind all sources, prefixes that they share once.
   *
   * @returns `loss` [B, C]: −log p of every choice of the tree; `best` u32 [B, N]: the token that greedy generation
   *   writes behind every node.
   */
  record(g: Graph, layers: Layers): { loss: Tensor; best: Tensor };
}

/**
 * A model family as the method and the run see it: its parameters, and the graphs of training, generation and ranking.
 * Buffers for a batch shape are put into `owned`, and the caller destroys them.
 */
export interface Network {
  /** Parameters by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly tokens: { readonly padId: number; readonly endIds: readonly number[] };
  /** The gradient of a loss with respect to itself. */
  readonly one: Tensor;
  /** Names of tensors that are one with a parameter: a checkpoint may hold it under any of them, and under several. */
  tiedNames(parameter: string): readonly string[];
  /** Names that a checkpoint may hold besides its parameters. */
  isRedundant(name: string): boolean;
  batch(sizes: BatchSizes, owned: OwnedBuffer[]): TrainingBatch;
  /** Bytes of what generation keeps of a source of so many tokens, padding included. */
  sourceBytes(tokens: number): number;
  /** @param capacity tokens of an answer at most, and one more: the token that generation starts from. */
  generation(sizes: { B: number; S: number; capacity: number }, owned: OwnedBuffer[]): Generation;
  destroy(): void;
}
