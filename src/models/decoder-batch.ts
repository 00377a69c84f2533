import {
  type Batch,
  type BatchSizes,
  labelTokensOf,
  type PlannedBatch,
  textOf,
  type TokenPair,
} from '../base/batch.ts';
import { IGNORED_LABEL } from './network.ts';
import { LEAST_SAVED, listTexts, roundedUp, tokenAt, type TokenList, tokensRead } from './token-list.ts';

/**
 * The number of first tokens that all these prompts share, such as their instruction, and which are read once for all;
 * without the last of any. 0 if it is not worth it.
 */
export function sharedTokens(prompts: readonly Pick<TokenPair, 'source'>[]): number {
  if (prompts.length < 2) return 0;
  const [{ source: first }] = prompts;
  const shared = prompts.reduce((most, { source }) => {
    const end = source.findIndex((token, i) => token !== first[i]);
    return Math.min(most, end < 0 ? source.length - 1 : end, source.length - 1);
  }, first.length - 1);
  return shared * (prompts.length - 1) < LEAST_SAVED ? 0 : shared;
}

/** The sizes of a batch of a decoder-only model. @param shares whether what rows begin with is read once for all. */
export function decoderSizes(rows: Batch, shares: boolean): BatchSizes {
  return {
    rows: rows.length,
    sources: rows.length,
    tokens: roundedUp(tokensRead(rows.map(textOf), shares), 'tokens'),
    labels: roundedUp(labelTokensOf(rows), 'labels'),
  };
}

/** The sizes that no batch of this plan exceeds. */
export function plannedDecoderSizes(
  { B, S, T, shared, tokens, labels = B * T }: PlannedBatch,
  shares: boolean,
): BatchSizes {
  const saved = (B - 1) * shared;
  const read = tokens ?? B * (S + T - 1) - (!shares || saved < LEAST_SAVED ? 0 : saved);
  return { rows: B, sources: B, tokens: roundedUp(read, 'tokens'), labels: roundedUp(labels, 'labels') };
}

/**
 * A training batch of a decoder-only model as a list of tokens: of each row its prompt and its label without the last
 * token, and what rows begin with once; so a row that another begins with is read in it.
 */
interface TrainingList extends TokenList {
  /** [L]: the tokens of labels, row by row; {@link IGNORED_LABEL} at the end. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** [L]: which token predicts each. */
  readonly predicting: Uint32Array<ArrayBuffer>;
}

/** @throws RangeError if the rows do not fit the sizes. */
export function listTokens(rows: Batch, sizes: BatchSizes, of: { padId: number; shares: boolean }): TrainingList {
  const written = labelTokensOf(rows);
  if (rows.length > sizes.rows || written > sizes.labels) {
    throw new RangeError(`${rows.length} rows with ${written} tokens of labels exceed ${JSON.stringify(sizes)}.`);
  }
  const list = listTexts(rows.map(textOf), { N: sizes.tokens, ...of });
  const labels = new Int32Array(sizes.labels).fill(IGNORED_LABEL);
  const predicting = new Uint32Array(sizes.labels);
  labels.set(rows.flatMap(({ label }) => label));
  predicting.set(
    rows.flatMap(({ source, label }, row) => label.map((_, i) => tokenAt(list.ends[row], source.length - 1 + i))),
  );
  return { ...list, labels, predicting };
}
