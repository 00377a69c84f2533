import { type Batch, type BatchSizes, labelTokensOf, type PlannedBatch } from '../base/batch.ts';
import type { Span } from '../graph/ops/attention.ts';
import { IGNORED_LABEL } from './network.ts';
import { keysOf, listTexts, roundedUp, type TokenList } from './token-list.ts';

/** A batch for T5 as two lists of tokens: of the sources, and of the labels as the decoder reads them. */
interface T5Batch {
  readonly source: TokenList;
  /** Of each row the start token, then its label without the last token (HF `T5PreTrainedModel._shift_right`). */
  readonly answer: TokenList;
  /** From labels to their sources, and first the keys of these: see {@link spansAcross}. */
  readonly cross: readonly Span[];
  /** [L]: what each token of `answer` predicts; {@link IGNORED_LABEL} at the end. */
  readonly labels: Int32Array<ArrayBuffer>;
}

/** Most spans of `cross`: a source for each row at most, their queries, and what is left over of both. */
export const crossSpansOf = ({ rows, sources }: Pick<BatchSizes, 'rows' | 'sources'>): number => rows + sources + 2;

/**
 * Attention from labels to sources: spans with the keys of these, then one for the queries of each span of labels.
 *
 * @param sourceOf the span of the source that a span of labels sees; none for tokens that are left over.
 */
export function spansAcross(
  sources: readonly Span[],
  labels: readonly Span[],
  sourceOf: (label: Span) => Span | undefined,
): Span[] {
  const keys = keysOf(sources);
  const asking = labels.map((label): Span => {
    const source = sourceOf(label);
    const { queries, queryCount } = label;
    return { queries, queryCount, keys: 0, keyCount: 0, after: source && keys.get(source) };
  });
  return [...keys.values(), ...asking];
}

/** The sources of a batch, each once, and which one each row has; with gates, which belong to a row, each its own. */
export function sourcesOf(rows: Batch, gated: boolean): { sources: (readonly number[])[]; of: number[] } {
  if (gated) return { sources: rows.map(({ source }) => source), of: [...rows.keys()] };
  const places = new Map<string, number>();
  const sources: (readonly number[])[] = [];
  const of = rows.map(({ source }) => {
    const key = source.join();
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, sources.length);
    return sources.push(source) - 1;
  });
  return { sources, of };
}

/** The sizes of a batch for T5. */
export function t5Sizes(rows: Batch, gated: boolean): BatchSizes {
  const { sources } = sourcesOf(rows, gated);
  const tokens = sources.reduce((sum, { length }) => sum + length, 0);
  const labels = labelTokensOf(rows);
  return { rows: rows.length, sources: sources.length, gated, ...rounded({ tokens, labels }) };
}

const rounded = ({ tokens, labels }: { tokens: number; labels: number }): { tokens: number; labels: number } => ({
  tokens: roundedUp(tokens, 'tokens'),
  labels: roundedUp(labels, 'labels'),
});

/** The sizes that no batch of this plan exceeds. */
export function plannedT5Sizes({ B, S, T, answers = 1, ...most }: PlannedBatch, gated: boolean): BatchSizes {
  const rows = B * answers;
  const each = gated ? answers : 1;
  const tokens = each * (most.sources ?? B * S);
  const labels = answers > 1 ? rows * T : (most.labels ?? rows * T);
  return { rows, sources: B * each, ...rounded({ tokens, labels }), gated };
}

/**
 * Examples as one batch for T5.
 *
 * @throws RangeError if they do not fit the sizes.
 */
export function layOutT5Batch(
  rows: Batch,
  sizes: BatchSizes,
  { padId, startId }: { padId: number; startId: number },
): T5Batch {
  const { sources, of } = sourcesOf(rows, sizes.gated);
  if (rows.length > sizes.rows || sources.length > sizes.sources) {
    throw new RangeError(`${rows.length} rows with ${sources.length} sources exceed ${JSON.stringify(sizes)}.`);
  }
  const source = listTexts(sources, { N: sizes.tokens, shares: false, padId });
  const texts = rows.map(({ label }) => [startId, ...label].slice(0, -1));
  const answer = listTexts(texts, { N: sizes.labels, shares: false, padId });
  const labels = new Int32Array(sizes.labels).fill(IGNORED_LABEL);
  labels.set(rows.flatMap(({ label }) => label));
  const sourceOf = new Map(answer.ends.map((end, row) => [end, source.ends[of[row]]]));
  const cross = spansAcross(source.spans, answer.spans, (label) => sourceOf.get(label));
  return { source, answer, cross, labels };
}
