import type { Batch, BatchSizes, PlannedBatch } from '../base/batch.ts';
import { alone, spanTable } from '../graph/ops/row-attention.ts';
import { IGNORED_LABEL } from './network.ts';

/** A batch for T5, row-major, with B sources and R rows of labels. Rows without an example are padding. */
export interface T5Batch {
  /** [B, S], padded on the right. */
  sourceIds: Uint32Array<ArrayBuffer>;
  /** [B, S]: 1 for tokens, 0 for padding. */
  sourceMask: Float32Array<ArrayBuffer>;
  /** [2 B, 6]: see {@link spansOfRows}. */
  sourceSpans: Uint32Array<ArrayBuffer>;
  /** [R, T], padded with {@link IGNORED_LABEL}. */
  labels: Int32Array<ArrayBuffer>;
  /** [R, T]: the start token, then the labels without their last element (HF `T5PreTrainedModel._shift_right`). */
  decoderIds: Uint32Array<ArrayBuffer>;
  /** [2 R, 6]. */
  decoderSpans: Uint32Array<ArrayBuffer>;
  /** [2 (B + R), 6]: see {@link spansAcross}. */
  crossSpans: Uint32Array<ArrayBuffer>;
}

/** Self-attention of rows padded on the right to a length: a span for each, then one for the padding of each. */
export const spansOfRows = (counts: readonly number[], length: number): Uint32Array<ArrayBuffer> =>
  spanTable([
    ...counts.map((count, row) => alone(row * length, count)),
    ...counts.map((count, row) => alone(row * length + count, length - count)),
  ]);

/**
 * Attention from rows of answers to padded sources, as many answers to each: a span without queries owns the keys of
 * each source, another one those of its padding; then the answers, which share them, and their padding, which sees none.
 */
export function spansAcross(
  sources: { counts: readonly number[]; length: number },
  answers: { counts: readonly number[]; length: number },
): Uint32Array<ArrayBuffer> {
  const { counts, length: S } = sources;
  const { length: T } = answers;
  const none = { queriesBegin: 0, queriesCount: 0, sharedBegin: 0, sharedCount: 0, ownBegin: 0, ownCount: 0 };
  const each = answers.counts.length / counts.length;
  return spanTable([
    ...counts.map((count, row) => ({ ...none, ownBegin: row * S, ownCount: count })),
    ...counts.map((count, row) => ({ ...none, ownBegin: row * S + count, ownCount: S - count })),
    ...answers.counts.map((count, row) => {
      const source = Math.floor(row / each);
      const shared = { sharedBegin: source * S, sharedCount: counts[source] };
      return { ...none, queriesBegin: row * T, queriesCount: count, ...shared };
    }),
    ...answers.counts.map((count, row) => ({ ...none, queriesBegin: row * T + count, queriesCount: T - count })),
  ]);
}

/** The lengths of texts, and 0 for rows without one. */
const countsOf = (texts: readonly (readonly number[])[], rows: number): number[] =>
  Array.from({ length: rows }, (_, row) => texts.at(row)?.length ?? 0);

/** Sources for T5's encoder: ids [B, S], mask [B, S] and the spans of its rows. */
export function layOutSources(
  sources: readonly (readonly number[])[],
  { B, S }: { B: number; S: number },
  padId: number,
): Pick<T5Batch, 'sourceIds' | 'sourceMask' | 'sourceSpans'> {
  checkFits('source', sources, B, S);
  const sourceIds = new Uint32Array(B * S).fill(padId);
  const sourceMask = new Float32Array(B * S);
  sources.forEach((ids, b) => {
    sourceIds.set(ids, b * S);
    sourceMask.fill(1, b * S, b * S + ids.length);
  });
  return { sourceIds, sourceMask, sourceSpans: spansOfRows(countsOf(sources, B), S) };
}

/** Answers, as input and labels of T5's decoder. */
function layOutLabels(
  answers: readonly (readonly number[])[],
  { B, T }: { B: number; T: number },
  { padId, startId }: { padId: number; startId: number },
): Pick<T5Batch, 'labels' | 'decoderIds' | 'decoderSpans'> {
  checkFits('label', answers, B, T);
  const labels = new Int32Array(B * T).fill(IGNORED_LABEL);
  const decoderIds = new Uint32Array(B * T).fill(padId);
  for (let b = 0; b < B; b++) decoderIds[b * T] = startId;
  answers.forEach((ids, b) => {
    labels.set(ids, b * T);
    decoderIds.set(ids.slice(0, T - 1), b * T + 1);
  });
  return { labels, decoderIds, decoderSpans: spansOfRows(countsOf(answers, B), T) };
}

/** Sources are padded to multiples of this many tokens, so that few lengths occur. */
const SOURCE_BUCKET = 16;

/** The number of examples that follow each other with one source, if it is the same for all; else 1. */
function answersOf(rows: Batch): number {
  const isNext = (row: number): boolean => row > 0 && rows[row].source.join() === rows[row - 1].source.join();
  const begins = [...rows.keys()].filter((row) => !isNext(row));
  const each = rows.length / begins.length;
  return begins.every((row, i) => row === i * each) ? each : 1;
}

/** The sources of a batch, each once. */
export function sourcesOf(rows: Batch): (readonly number[])[] {
  const answers = answersOf(rows);
  return rows.filter((_, row) => row % answers === 0).map(({ source }) => source);
}

/**
 * The sizes of a batch for T5. With gates, which belong to an example, each has a source of its own.
 *
 * @param reach maximum number of tokens in a source.
 */
export function t5Sizes(rows: Batch, gated: boolean, reach: number): BatchSizes {
  const sources = gated ? rows.map(({ source }) => source) : sourcesOf(rows);
  const longest = (texts: readonly (readonly number[])[]): number =>
    texts.reduce((most, { length }) => Math.max(most, length), 1);
  const [S, T] = [sources, rows.map(({ label }) => label)].map(longest);
  const B = sources.length;
  return plannedT5Sizes({ B, S, T, answers: rows.length / B }, gated, reach);
}

/** The sizes that no batch of this plan exceeds. */
export function plannedT5Sizes(
  { B, S, T, answers = 1 }: Omit<PlannedBatch, 'shared'>,
  gated: boolean,
  reach: number,
): BatchSizes {
  const padded = Math.min(Math.ceil(S / SOURCE_BUCKET) * SOURCE_BUCKET, reach);
  const rows = B * answers;
  return { rows, sources: B, tokens: B * padded, labels: rows * T, gated };
}

/**
 * Examples as one batch for T5: sources in rows of their own, then their labels.
 *
 * @throws RangeError if they do not fit the sizes.
 */
export function layOutT5Batch(
  rows: Batch,
  { rows: R, sources: B, tokens: N, labels: L }: BatchSizes,
  tokens: { padId: number; startId: number },
): T5Batch {
  const sources = R === B ? rows.map(({ source }) => source) : sourcesOf(rows);
  const labels = rows.map(({ label }) => label);
  const [S, T] = [N / B, L / R];
  return {
    ...layOutSources(sources, { B, S }, tokens.padId),
    ...layOutLabels(labels, { B: R, T }, tokens),
    crossSpans: spansAcross({ counts: countsOf(sources, B), length: S }, { counts: countsOf(labels, R), length: T }),
  };
}

function checkFits(what: string, rows: readonly (readonly number[])[], B: number, length: number): void {
  const longest = Math.max(0, ...rows.map((ids) => ids.length));
  if (rows.length <= B && longest <= length) return;
  throw new RangeError(`${rows.length} ${what}s of up to ${longest} tokens exceed a batch of ${B} rows of ${length}.`);
}
