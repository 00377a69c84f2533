/** A source and its answer, as token ids. */
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

/** Examples of one batch and their padded sizes; fewer examples than B leave the last rows empty. */
export interface Batch {
  readonly sizes: BatchSizes;
  readonly rows: readonly TokenPair[];
}
