/** A source and its answer, as token ids. */
export interface TokenPair {
  readonly source: readonly number[];
  readonly label: readonly number[];
}

/** Sizes of a batch: sources, and the padded length of sources and of labels, in tokens. */
export interface BatchSizes {
  readonly B: number;
  readonly S: number;
  readonly T: number;
  /** Labels of each source, 1 by default. More only where a model reads sources apart from labels. */
  readonly answers?: number;
}

/** Rows of labels in a batch. */
export const rowsOfLabels = ({ B, answers = 1 }: BatchSizes): number => B * answers;

/** Tokens of the labels of rows. */
export const labelTokensOf = (rows: readonly TokenPair[]): number =>
  rows.reduce((sum, { label }) => sum + label.length, 0);

/**
 * Examples of one batch and their padded sizes; fewer examples leave the last rows empty. With several answers, those to
 * one source are adjacent.
 */
export interface Batch {
  readonly sizes: BatchSizes;
  readonly rows: readonly TokenPair[];
}
