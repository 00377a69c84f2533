/** A source and its answer, as token ids. */
export interface TokenPair {
  readonly source: readonly number[];
  readonly label: readonly number[];
}

/** Examples that are read together. A network lays them out: see `Network.sizes`. */
export type Batch = readonly TokenPair[];

/** The sizes that a program of a batch is compiled for. Batches of equal sizes share one. */
export interface BatchSizes {
  /** Examples, and sources that are read: fewer, where several examples have one source and a model reads it apart. */
  readonly rows: number;
  readonly sources: number;
  /** Tokens that are read, rounded up; of an encoder-decoder model, by the encoder. */
  readonly tokens: number;
  /** Tokens that are predicted, rounded up. */
  readonly labels: number;
}

/** A batch as it is planned: examples of at most S and T tokens, whose prompts begin with the same tokens. */
export interface PlannedBatch {
  readonly B: number;
  readonly S: number;
  readonly T: number;
  readonly shared: number;
  /** Tokens that a decoder-only model reads at most; if undefined, as if every example had S and T. */
  readonly tokens?: number;
  /** Tokens of the sources and of the labels at most, likewise. */
  readonly sources?: number;
  readonly labels?: number;
  /** Labels of each source, where a model reads sources apart; 1 by default. */
  readonly answers?: number;
}

/** Tokens of the labels of rows. */
export const labelTokensOf = (rows: Batch): number => rows.reduce((sum, { label }) => sum + label.length, 0);

/** Tokens of rows, of sources and labels together. */
export const tokensOf = (rows: Batch): number =>
  rows.reduce((sum, { source, label }) => sum + source.length + label.length, 0);

/** Tokens of the longest of some texts; at least 1. */
export const longestOf = (texts: readonly (readonly number[])[]): number =>
  texts.reduce((longest, { length }) => Math.max(longest, length), 1);

/**
 * The tokens that are read of an example, but for a model that reads answers apart: all but its last, which is
 * predicted.
 */
export const textOf = ({ source, label }: TokenPair): readonly number[] => [...source, ...label].slice(0, -1);

export const beginsWith = (text: readonly number[], beginning: readonly number[]): boolean =>
  beginning.every((token, i) => token === text[i]);

/** Orders texts so that one is followed by those that begin with it. */
export function compareTokens(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((token, i) => token !== b[i]);
  return at < 0 ? a.length - b.length : at >= b.length ? 1 : a[at] - b[at];
}
