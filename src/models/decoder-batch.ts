import type { BatchSizes, TokenPair } from '../base/batch.ts';
import { IGNORED_LABEL } from './network.ts';

/** Token ids with padding on the left, row-major. */
export interface LeftPadded {
  /** [B, S]. */
  ids: Uint32Array<ArrayBuffer>;
  /** [B, S]: 1 for tokens, 0 for padding. */
  mask: Float32Array<ArrayBuffer>;
  /** [B]: position of the first element, minus the padding, so that the first token has position 0. */
  start: Int32Array<ArrayBuffer>;
}

/** A training batch of a decoder-only model. Rows without an example are all padding. */
export interface DecoderBatch extends LeftPadded {
  /** [B, T]: what the last T positions predict; {@link IGNORED_LABEL} before the label. */
  labels: Int32Array<ArrayBuffer>;
}

/** Rows of tokens in a batch of B rows of S, padded on the left. @throws RangeError if they do not fit. */
export function padLeft(
  rows: readonly (readonly number[])[],
  { B, S }: { B: number; S: number },
  padId: number,
): LeftPadded {
  const longest = Math.max(0, ...rows.map((ids) => ids.length));
  if (rows.length > B || longest > S) {
    throw new RangeError(`${rows.length} texts of up to ${longest} tokens exceed a batch of ${B} rows of ${S}.`);
  }
  const ids = new Uint32Array(B * S).fill(padId);
  const mask = new Float32Array(B * S);
  const start = new Int32Array(B).fill(-S);
  rows.forEach((row, b) => {
    ids.set(row, (b + 1) * S - row.length);
    mask.fill(1, (b + 1) * S - row.length, (b + 1) * S);
    start[b] = row.length - S;
  });
  return { ids, mask, start };
}

/**
 * Prompt and label, concatenated (docs/method.md, section 5). The label's last token is predicted but not read, so rows
 * are S + T − 1 long, and labels end where rows end.
 *
 * @throws RangeError if an example does not fit the sizes.
 */
export function layOutDecoderBatch(rows: readonly TokenPair[], { B, S, T }: BatchSizes, padId: number): DecoderBatch {
  for (const { source, label } of rows) {
    if (source.length > S || label.length > T) {
      throw new RangeError(
        `An example of ${source.length} and ${label.length} tokens exceeds the sizes ${S} and ${T}.`,
      );
    }
  }
  const labels = new Int32Array(B * T).fill(IGNORED_LABEL);
  rows.forEach(({ label }, b) => labels.set(label, (b + 1) * T - label.length));
  const texts = rows.map(({ source, label }) => [...source, ...label].slice(0, -1));
  return { ...padLeft(texts, { B, S: S + T - 1 }, padId), labels };
}
