import type { Batch, BatchSizes, PlannedBatch } from '../base/batch.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Graph } from '../graph/graph.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import type { GenerationState } from '../graph/ops/generation.ts';
import type { Distilling } from '../graph/ops/distillation.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { LabelTree, TreeSizes } from './label-tree.ts';
import type { Layers } from './layers.ts';

/** Label id of a position that the loss ignores, as in PyTorch. */
export const IGNORED_LABEL = -100;

/** The inputs of one batch shape on the GPU, and the graphs that use them. */
export interface TrainingBatch {
  /**
   * Writes examples to the inputs.
   *
   * @param labelTokens over which the loss is averaged: their own by default, or those of all batches of a step, whose
   *   losses then add up to its mean.
   */
  write(rows: Batch, labelTokens?: number): void;
  /** Cross-entropy of the label tokens, divided by the number of {@link write}: a scalar [1]. */
  loss(g: Graph, layers: Layers): Tensor;
  /** The scores of the tokens that labels may have: x has a row for each token of a label, in their order, then others. */
  predictions(g: Graph, layers: Layers): Projection;
  /**
   * Records the loss, and the divergence from a teacher: the mean over label tokens of KL(teacher ‖ layers) at a
   * temperature, a scalar [1, 1].
   */
  distilled(g: Graph, layers: Layers, teacher: Layers, by: Distilling): { loss: Tensor; divergence: Tensor };
  /** For how many examples each row of a layer's input stands: 0 for padding. */
  counts(layer: string): TokenCounts;
  /** The mean embeddings of the prompts, without answers: [1, sources, D]. */
  promptMeans(g: Graph, layers: Layers): Tensor;
}

/** Numbers of examples, f32, one per row of a layer's input, and their square roots. */
export interface TokenCounts {
  readonly counts: Tensor;
  readonly roots: Tensor;
}

/** Greedy generation for a batch of sources, and ranking of labels as their answers. */
export interface Generation {
  readonly state: GenerationState;
  /** Resets the state; rows without a source have already ended. */
  start(sources: readonly (readonly number[])[]): void;
  /** Reads the sources for decoding and ranking. @returns the tensors to compute. */
  prefill(g: Graph, layers: Layers): Tensor[];
  /**
   * Copies sources that another generation of the same network has read: its `rows` become the rows from `at` on.
   */
  adopt(other: Generation, rows: readonly number[], at: number): Promise<void>;
  /** Resets the state for the first rows, which have been adopted; the others have ended. */
  startAdopted(rows: number): void;
  /**
   * One decoding step, including arg-max and bookkeeping: replayed until all rows have ended.
   *
   * @param rows number of first rows to decode; all by default.
   */
  decodeStep(g: Graph, layers: Layers, rows?: number): void;
  /**
   * Moves rows to the first places between two steps, so that only these are decoded from then on. The others are lost.
   *
   * @param rows by their places now, each at most once.
   * @returns the row that each of the first places now holds, by its place before.
   */
  moveToFront(rows: readonly number[]): Promise<number[]>;
  /** Inputs for ranking labels as answers to each source. */
  ranking(sizes: TreeSizes, owned: OwnedBuffer[]): Ranking;
}

/** The shape of a generation. */
export interface GenerationSizes {
  readonly B: number;
  /** Room for the tokens of all sources: see {@link Network.sourceTokens}. */
  readonly tokens: number;
  /** Maximum number of tokens in an answer, plus one for the token that generation starts from. */
  readonly capacity: number;
  /** Nodes of all trees of labels that are ranked; 0 by default. */
  readonly answers?: number;
  /** Of sources that are adopted: the number of first tokens that all share. The rest of `tokens` is shared equally. */
  readonly shared?: number;
}

/** Ranks labels as answers to the sources of a prefilled generation. */
export interface Ranking {
  /** Writes the labels of each source: their nodes and choices follow each other. */
  write(trees: readonly LabelTree[]): void;
  /**
   * Reads all labels after all sources, shared prefixes once.
   *
   * @returns `loss` [1, C]: −log p of every choice; `best` u32 [1, L]: the token that greedy generation writes at every
   *   node.
   */
  record(g: Graph, layers: Layers): { loss: Tensor; best: Tensor };
}

/**
 * A model for the method and the run: its parameters, and the graphs of training, generation and ranking. Buffers for a
 * batch shape are added to `owned`, and the caller destroys them.
 */
export interface Network {
  /** Parameters by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly tokens: { readonly padId: number; readonly endIds: readonly number[] };
  /** Whether some layers see only answers, as those of T5's decoder do, which are far shorter than prompts. */
  readonly readsAnswersApart: boolean;
  /** Whether what texts begin with is read once for all, since it depends on nothing after it. */
  readonly sharesBeginnings: boolean;
  /** Whether {@link Layers.byPrompt} has the layers of each prompt, so that no two prompts share what is read. */
  readonly byPrompt: boolean;
  /** Width of a token's embedding, D. */
  readonly embeddingWidth: number;
  /** The gradient of a loss with respect to itself. */
  readonly one: Tensor;
  /** Other names of a parameter: a checkpoint may store it under any of them, even several. */
  tiedNames(parameter: string): readonly string[];
  /** Whether a checkpoint may have this name although it is not a parameter. */
  isRedundant(name: string): boolean;
  /** The sizes of a batch that holds these examples. */
  sizes(rows: Batch): BatchSizes;
  /**
   * The tokens that a batch counts as, where batches are packed by tokens: those that are read, what rows share once; or
   * those that are predicted, if these are more.
   */
  tokensIn(rows: Batch): number;
  /** The sizes that no such batch exceeds. */
  plannedSizes(batch: PlannedBatch): BatchSizes;
  batch(sizes: BatchSizes, owned: OwnedBuffer[]): TrainingBatch;
  /** How many tokens generation reads of these sources, rounded up. */
  sourceTokens(sources: readonly (readonly number[])[]): number;
  /** Bytes that generation stores for a source of this many tokens. */
  sourceBytes(tokens: number): number;
  generation(sizes: GenerationSizes, owned: OwnedBuffer[]): Generation;
  destroy(): void;
}
