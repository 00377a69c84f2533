import {
  type Batch,
  type BatchSizes,
  beginsWith,
  compareTokens,
  type PlannedBatch,
  textOf,
  type TokenPair,
} from '../base/batch.ts';
import { alone, type Span, spanTable } from '../graph/ops/row-attention.ts';
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
 * For each row, the row in which it is read: another, if that begins with its whole text, as a conversation begins with
 * an earlier answer and all before it. In alphabetical order a text is followed by one that begins with it.
 */
function containersOf(rows: Batch): number[] {
  const texts = rows.map(textOf);
  const order = [...rows.keys()].sort((a, b) => compareTokens(texts[a], texts[b]) || a - b);
  const containers = [...rows.keys()];
  for (let i = order.length - 2; i >= 0; i--) {
    if (beginsWith(texts[order[i + 1]], texts[order[i]])) containers[order[i]] = containers[order[i + 1]];
  }
  return containers;
}

/**
 * The rows that are not read in another, in groups with a beginning each, so that as few tokens as possible remain: in
 * alphabetical order, groups are runs of neighbours.
 */
function groupsOf(rows: Batch, containers: readonly number[]): Group[] {
  const order = [...rows.keys()]
    .filter((row) => containers[row] === row)
    .sort((a, b) => compareTokens(rows[a].source, rows[b].source) || a - b);
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

/**
 * The sizes of a batch of a decoder-only model.
 *
 * @param gated whether adapters have gates: a beginning is then part of every prompt.
 */
export function decoderSizes(rows: Batch, gated: boolean): BatchSizes {
  const { groups } = placesOf(rows, gated);
  const tokens = groups.map(
    ({ rows: members, shared }) => shared + sumOf(members.map((row) => textOf(rows[row]).length - shared)),
  );
  return {
    rows: rows.length,
    sources: rows.length,
    tokens: roundedUp(sumOf(tokens), 'tokens'),
    labels: roundedUp(sumOf(rows.map(({ label }) => label.length)), 'labels'),
    gated,
  };
}

/** Where rows are read. Rows with gates share nothing. */
function placesOf(rows: Batch, gated: boolean): { containers: readonly number[]; groups: readonly Group[] } {
  if (gated) return { containers: [...rows.keys()], groups: rows.map((_, row) => ({ rows: [row], shared: 0 })) };
  const containers = containersOf(rows);
  return { containers, groups: groupsOf(rows, containers) };
}

/** The sizes that no batch of this plan exceeds. */
export function plannedDecoderSizes(
  { B, S, T, shared, tokens, labels = B * T }: PlannedBatch,
  gated: boolean,
): BatchSizes {
  const saved = gated || shared < LEAST_SHARED ? 0 : (B - 1) * shared;
  const read = tokens ?? B * (S + T - 1) - saved;
  return { rows: B, sources: B, tokens: roundedUp(read, 'tokens'), labels: roundedUp(labels, 'labels'), gated };
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
 * prompt and its label without the last token; a row that another begins with is read in it (docs/method.md, section 5).
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
  const rowOf = new Uint32Array(N);
  const beginnings: Span[] = [];
  const texts: Span[] = [];
  const spanOf = new Map<number, Span>();
  let at = 0;
  const place = (tokens: readonly number[], first: number, row: number): number => {
    const begin = at;
    ids.set(tokens, begin);
    tokens.forEach((_, i) => (positions[begin + i] = first + i));
    rowOf.fill(row, begin, begin + tokens.length);
    at += tokens.length;
    return begin;
  };
  const { containers, groups } = placesOf(rows, sizes.gated);
  for (const { rows: members, shared } of groups) {
    const sharedBegin = place(rows[members[0]].source.slice(0, shared), 0, members[0]);
    if (shared > 0) beginnings.push(alone(sharedBegin, shared));
    for (const row of members) {
      const own = textOf(rows[row]).slice(shared);
      const span = { ...alone(place(own, shared, row), own.length), sharedBegin, sharedCount: shared };
      texts.push(span);
      spanOf.set(row, span);
    }
  }
  const spans = spanTable([...beginnings, ...texts, alone(at, N - at)], spansOf(sizes));
  /** The token at a position of a row. */
  const tokenAt = (row: number, position: number): number => {
    const { sharedBegin, sharedCount, ownBegin } = spanOf.get(containers[row]) ?? alone(0, 0);
    return position < sharedCount ? sharedBegin + position : ownBegin + position - sharedCount;
  };
  const counts = new Float32Array(N);
  rows.forEach((one, row) => textOf(one).forEach((_, position) => counts[tokenAt(row, position)]++));
  const labels = new Int32Array(sizes.labels).fill(IGNORED_LABEL);
  const predicting = new Uint32Array(sizes.labels);
  labels.set(rows.flatMap(({ label }) => label));
  predicting.set(rows.flatMap(({ source, label }, row) => label.map((_, i) => tokenAt(row, source.length - 1 + i))));
  return { ids, positions, spans, counts, rowOf, labels, predicting };
}
