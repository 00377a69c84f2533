import { type BatchSizes, rowsOfLabels, type TokenPair } from '../base/batch.ts';
import { IGNORED_LABEL } from './network.ts';

/** A batch for T5, row-major, with R rows of labels. Rows without an example have source length 0 and no label. */
export interface T5Batch {
  /** [B, S], padded on the right. */
  sourceIds: Uint32Array<ArrayBuffer>;
  /** [B, S]: 1 for tokens, 0 for padding. */
  sourceMask: Float32Array<ArrayBuffer>;
  /** [R, T], padded with {@link IGNORED_LABEL}. */
  labels: Int32Array<ArrayBuffer>;
  /** [R, T]: the start token, then the labels without their last element (HF `T5PreTrainedModel._shift_right`). */
  decoderIds: Uint32Array<ArrayBuffer>;
}

/** Sources for T5's encoder: ids [B, S] and mask [B, S]. */
export function layOutSources(
  sources: readonly (readonly number[])[],
  { B, S }: { B: number; S: number },
  padId: number,
): Pick<T5Batch, 'sourceIds' | 'sourceMask'> {
  checkFits('source', sources, B, S);
  const sourceIds = new Uint32Array(B * S).fill(padId);
  const sourceMask = new Float32Array(B * S);
  sources.forEach((ids, b) => {
    sourceIds.set(ids, b * S);
    sourceMask.fill(1, b * S, b * S + ids.length);
  });
  return { sourceIds, sourceMask };
}

/** Answers, as input and labels of T5's decoder. */
function layOutLabels(
  answers: readonly (readonly number[])[],
  { B, T }: { B: number; T: number },
  { padId, startId }: { padId: number; startId: number },
): Pick<T5Batch, 'labels' | 'decoderIds'> {
  checkFits('label', answers, B, T);
  const labels = new Int32Array(B * T).fill(IGNORED_LABEL);
  const decoderIds = new Uint32Array(B * T).fill(padId);
  for (let b = 0; b < B; b++) decoderIds[b * T] = startId;
  answers.forEach((ids, b) => {
    labels.set(ids, b * T);
    decoderIds.set(ids.slice(0, T - 1), b * T + 1);
  });
  return { labels, decoderIds };
}

/** The sources of a batch, each once. */
export const sourcesOf = (rows: readonly TokenPair[], { answers = 1 }: BatchSizes): (readonly number[])[] =>
  rows.filter((_, row) => row % answers === 0).map(({ source }) => source);

/**
 * Examples as one batch for T5: sources in rows of their own, then their labels.
 *
 * @throws RangeError if they do not fit the sizes.
 */
export function layOutT5Batch(
  rows: readonly TokenPair[],
  sizes: BatchSizes,
  tokens: { padId: number; startId: number },
): T5Batch {
  const labels = rows.map(({ label }) => label);
  return {
    ...layOutSources(sourcesOf(rows, sizes), sizes, tokens.padId),
    ...layOutLabels(labels, { B: rowsOfLabels(sizes), T: sizes.T }, tokens),
  };
}

function checkFits(what: string, rows: readonly (readonly number[])[], B: number, length: number): void {
  const longest = Math.max(0, ...rows.map((ids) => ids.length));
  if (rows.length <= B && longest <= length) return;
  throw new RangeError(`${rows.length} ${what}s of up to ${longest} tokens exceed a batch of ${B} rows of ${length}.`);
}
