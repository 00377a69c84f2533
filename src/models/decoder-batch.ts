import type { Batch, BatchSizes, PlannedBatch, TokenPair } from '../base/batch.ts';
import { type Span, SPAN_FIELDS } from '../graph/ops/row-attention.ts';
import { IGNORED_LABEL } from './network.ts';

/** With fewer shared tokens, reading them apart takes longer than reading them again. */
const LEAST_SHARED = 8;

/**
 * The number of first tokens that all these prompts share, such as their instruction: to be read once for all. At least
 * one token of each prompt remains, which predicts the answer. 0 if it is not worth it.
 */
export function sharedTokens(prompts: readonly Pick<TokenPair, 'source'>[]): number {
  if (prompts.length < 2) return 0;
  const [{ source: first }] = prompts;
  const shared = prompts.reduce((most, { source }) => Math.min(most, commonTokens(first, source)), Infinity);
  return shared < LEAST_SHARED ? 0 : shared;
}

/** The tokens that two prompts begin with, but for the last of each. */
function commonTokens(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length) - 1;
  let shared = 0;
  while (shared < most && a[shared] === b[shared]) shared++;
  return shared;
}

/** Rows that share the first tokens of their prompts; 0 for a row of its own. */
interface Group {
  readonly rows: number[];
  readonly shared: number;
}

/**
 * Rows in groups with a beginning each, so that as few tokens as possible remain: in alphabetical order, groups are
 * runs of neighbours.
 */
function groupsOf(rows: Batch): Group[] {
  const order = rows.map((_, row) => row).sort((a, b) => compare(rows[a].source, rows[b].source) || a - b);
  const withNext = order.slice(1).map((row, i) => commonTokens(rows[order[i]].source, rows[row].source));
  // The maximum that the first `end` rows save, and where the last of their groups begins.
  const best: { saved: number; begin: number; shared: number }[] = [{ saved: 0, begin: 0, shared: 0 }];
  for (let end = 1; end <= order.length; end++) {
    let most = { saved: best[end - 1].saved, begin: end - 1, shared: 0 };
    let shared = Infinity;
    for (let begin = end - 2; begin >= 0; begin--) {
      shared = Math.min(shared, withNext[begin]);
      if (shared < LEAST_SHARED) break;
      const saved = best[begin].saved + (end - begin - 1) * shared;
      if (saved > most.saved) most = { saved, begin, shared };
    }
    best.push(most);
  }
  const groups: Group[] = [];
  for (let end = order.length; end > 0; end = best[end].begin) {
    const { begin, shared } = best[end];
    groups.push({ rows: order.slice(begin, end).sort((a, b) => a - b), shared });
  }
  return groups.sort((a, b) => a.rows[0] - b.rows[0]);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((token, i) => token !== b[i]);
  return at < 0 ? a.length - b.length : at >= b.length ? 1 : a[at] - b[at];
}

/**
 * The sizes of a batch of a decoder-only model. The label's last token is predicted but not read.
 *
 * @param gated whether adapters have gates: a beginning is then part of every prompt.
 */
export function decoderSizes(rows: Batch, gated: boolean): BatchSizes {
  const saved = gated ? [] : groupsOf(rows).map((group) => (group.rows.length - 1) * group.shared);
  const read = rows.map(({ source, label }) => source.length + label.length - 1);
  return {
    rows: rows.length,
    sources: rows.length,
    tokens: roundedUp(sumOf(read) - sumOf(saved), 'tokens'),
    labels: roundedUp(sumOf(rows.map(({ label }) => label.length)), 'labels'),
    gated,
  };
}

/** The sizes that no batch of this plan exceeds. */
export function plannedDecoderSizes({ B, S, T, shared }: PlannedBatch, gated: boolean): BatchSizes {
  const saved = gated || shared < LEAST_SHARED ? 0 : (B - 1) * shared;
  const [tokens, labels] = [roundedUp(B * (S + T - 1) - saved, 'tokens'), roundedUp(B * T, 'labels')];
  return { rows: B, sources: B, tokens, labels, gated };
}

const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/**
 * The smallest of the sizes that programs are compiled for, of which there are eight from a power of two to the next
 * for tokens, and two for labels: less than an eighth more than there are, 4 % on average, and half.
 */
export function roundedUp(count: number, of: 'tokens' | 'labels'): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, count))) - (of === 'tokens' ? 3 : 1));
  return Math.max(1, Math.ceil(count / step) * step);
}

/** Spans of rows, of the beginnings that they share, and of what is left over. */
export const spansOf = ({ rows }: Pick<BatchSizes, 'rows'>): number => rows + Math.floor(rows / 2) + 1;

/**
 * A training batch of a decoder-only model as a list of N tokens: what rows share, once, then what remains of each, its
 * prompt and its label without the last token (docs/method.md, section 5).
 */
export interface TokenList {
  /** [N]. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** [N]: from the beginning of its row. */
  readonly positions: Int32Array<ArrayBuffer>;
  /** [R, 6]: see {@link Span}. First the beginnings, then rows, then the tokens that are left over. */
  readonly spans: Uint32Array<ArrayBuffer>;
  /** [N]: for how many rows a token stands; 0 if it is left over. */
  readonly counts: Float32Array<ArrayBuffer>;
  /** [N]: the row of a token, or one of those that share it. */
  readonly rowOf: Uint32Array<ArrayBuffer>;
  /** [L]: the tokens of labels, row by row; {@link IGNORED_LABEL} at the end. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** [L]: which token predicts each. */
  readonly predicting: Uint32Array<ArrayBuffer>;
}

/** @throws RangeError if the rows do not fit the sizes. */
export function listTokens(rows: Batch, sizes: BatchSizes, padId: number): TokenList {
  const needed = decoderSizes(rows, sizes.gated);
  if (needed.rows > sizes.rows || needed.tokens > sizes.tokens || needed.labels > sizes.labels) {
    throw new RangeError(`A batch of ${JSON.stringify(needed)} exceeds the sizes ${JSON.stringify(sizes)}.`);
  }
  const N = sizes.tokens;
  const ids = new Uint32Array(N).fill(padId);
  const positions = new Int32Array(N);
  const counts = new Float32Array(N);
  const rowOf = new Uint32Array(N);
  const beginnings: Span[] = [];
  const texts: Span[] = [];
  const firstLabel: number[] = [];
  let at = 0;
  const place = (tokens: readonly number[], from: number, count: number, row: number): number => {
    const begin = at;
    ids.set(tokens, begin);
    tokens.forEach((_, i) => (positions[begin + i] = from + i));
    counts.fill(count, begin, begin + tokens.length);
    rowOf.fill(row, begin, begin + tokens.length);
    at += tokens.length;
    return begin;
  };
  const groups = sizes.gated ? rows.map((_, row) => ({ rows: [row], shared: 0 })) : groupsOf(rows);
  for (const { rows: members, shared } of groups) {
    const beginning = rows[members[0]].source.slice(0, shared);
    const sharedBegin = place(beginning, 0, members.length, members[0]);
    if (shared > 0) beginnings.push(alone(sharedBegin, shared));
    for (const row of members) {
      const { source, label } = rows[row];
      const text = [...source.slice(shared), ...label].slice(0, -1);
      const begin = place(text, shared, 1, row);
      texts.push({ ...alone(begin, text.length), sharedBegin, sharedCount: shared });
      firstLabel[row] = begin + source.length - shared - 1;
    }
  }
  const spans = new Uint32Array(spansOf(sizes) * SPAN_FIELDS);
  [...beginnings, ...texts, alone(at, N - at)].forEach((span, i) => spans.set(fieldsOf(span), i * SPAN_FIELDS));
  const labels = new Int32Array(sizes.labels).fill(IGNORED_LABEL);
  const predicting = new Uint32Array(sizes.labels);
  labels.set(rows.flatMap(({ label }) => label));
  predicting.set(rows.flatMap(({ label }, row) => label.map((_, i) => firstLabel[row] + i)));
  return { ids, positions, spans, counts, rowOf, labels, predicting };
}

/** A text of its own. */
const alone = (begin: number, count: number): Span => ({
  ...{ queriesBegin: begin, queriesCount: count },
  ...{ sharedBegin: begin, sharedCount: 0 },
  ...{ ownBegin: begin, ownCount: count },
});

const fieldsOf = (span: Span): number[] => [
  span.queriesBegin,
  span.queriesCount,
  span.sharedBegin,
  span.sharedCount,
  span.ownBegin,
  span.ownCount,
];
