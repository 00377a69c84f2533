import { compareTokens } from '../base/batch.ts';
import { type Span, span, startOf } from '../graph/ops/attention.ts';

/** With fewer tokens saved, reading a beginning apart takes longer than reading it again. */
export const LEAST_SAVED = 8;

/** Tokens that are read once: part of a text, and of all others that begin with the same tokens. */
interface Run {
  /** A text that has them, and where they begin and end in it. */
  readonly row: number;
  readonly from: number;
  readonly to: number;
  /** For how many texts they stand. */
  readonly rows: number;
  /** The run before them. */
  readonly after: Run | undefined;
}

/**
 * Divides texts into the runs of tokens that must be read: with `shares`, what texts begin with once, in as many steps
 * as they branch. A text is all tokens of the run in which it ends and of those before it.
 *
 * @returns the runs, each after the one that it continues, and the run in which each text ends; none for an empty text.
 */
export function runsOf(
  texts: readonly (readonly number[])[],
  shares: boolean,
): { runs: readonly Run[]; ends: readonly (Run | undefined)[] } {
  const runs: Run[] = [];
  const ends = new Array<Run | undefined>(texts.length).fill(undefined);
  const add = (run: Run): Run | undefined => {
    if (run.from < run.to) runs.push(run);
    return run.from < run.to ? run : run.after;
  };
  const alone = (row: number, from: number, after: Run | undefined): void => {
    ends[row] = add({ row, from, to: texts[row].length, rows: 1, after });
  };
  if (!shares) {
    for (const row of texts.keys()) alone(row, 0, undefined);
    return { runs, ends };
  }
  // In alphabetical order, texts that share more than others are neighbours.
  const order = [...texts.keys()].sort((a, b) => compareTokens(texts[a], texts[b]) || a - b);
  const withNext = order.slice(1).map((row, i) => commonTokens(texts[order[i]], texts[row]));
  const branch = (begin: number, end: number, from: number, after: Run | undefined): void => {
    if (end - begin === 1) return alone(order[begin], from, after);
    const common = withNext.slice(begin, end - 1).reduce((least, count) => Math.min(least, count), Infinity);
    // Where a text ends, as a conversation does before its next answer, sharing costs nothing.
    const isWorthIt = (end - begin - 1) * (common - from) >= LEAST_SAVED || texts[order[begin]].length === common;
    const rows = end - begin;
    const shared = isWorthIt ? add({ row: order[begin], from, to: common, rows, after }) : after;
    for (let first = begin; first < end;) {
      let next = first + 1;
      while (next < end && withNext[next - 1] > common) next++;
      branch(first, next, isWorthIt ? common : from, shared);
      first = next;
    }
  };
  if (texts.length > 0) branch(0, texts.length, 0, undefined);
  return { runs, ends };
}

/** The number of tokens that two texts begin with. */
function commonTokens(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let common = 0;
  while (common < most && a[common] === b[common]) common++;
  return common;
}

/** How many tokens are read of these texts. */
export const tokensRead = (texts: readonly (readonly number[])[], shares: boolean): number =>
  runsOf(texts, shares).runs.reduce((sum, { from, to }) => sum + to - from, 0);

/** How many tokens generation reads of these sources, rounded up. @param shares whether what they begin with is read once. */
export const sourceTokens = (sources: readonly (readonly number[])[], shares: boolean): number =>
  roundedUp(tokensRead(sources, shares), 'sources');

/** Most spans of a list of this many texts: their runs, and what is left over. */
export const spansOf = (texts: number): number => 2 * texts;

/** Texts as a list of N tokens, without padding between them (docs/method.md, section 5). */
export interface TokenList {
  /** [N]. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** [N]: from the beginning of the text. */
  readonly positions: Int32Array<ArrayBuffer>;
  /** [N]: for how many texts a token stands; 0 if it is left over. */
  readonly counts: Float32Array<ArrayBuffer>;
  /** [N]: the text of a token, or one of those that share it. */
  readonly rowOf: Uint32Array<ArrayBuffer>;
  /** Those with the most readers first, and last the tokens that are left over. */
  readonly spans: readonly Span[];
  /** In which each text ends; none for an empty text. */
  readonly ends: readonly (Span | undefined)[];
}

/**
 * Lays out texts.
 *
 * @param N room for tokens: those left over are padding.
 * @throws RangeError if there are more tokens than that.
 */
export function listTexts(
  texts: readonly (readonly number[])[],
  { N, shares, padId }: { N: number; shares: boolean; padId: number },
): TokenList {
  const { runs, ends } = runsOf(texts, shares);
  const ids = new Uint32Array(N).fill(padId);
  const positions = new Int32Array(N);
  const counts = new Float32Array(N);
  const rowOf = new Uint32Array(N);
  const spans = new Map<Run, Span>();
  let at = 0;
  for (const run of runs) {
    const { row, from, to, rows, after } = run;
    const count = to - from;
    if (at + count > N) throw new RangeError(`${texts.length} texts have more than ${N} tokens.`);
    ids.set(texts[row].slice(from, to), at);
    for (let i = 0; i < count; i++) positions[at + i] = from + i;
    counts.fill(rows, at, at + count);
    rowOf.fill(row, at, at + count);
    spans.set(run, span(at, count, after && spans.get(after)));
    at += count;
  }
  const read = [...spans].sort(([a], [b]) => b.rows - a.rows).map(([, one]) => one);
  const left = at < N ? [span(at, N - at)] : [];
  return { ids, positions, counts, rowOf, spans: [...read, ...left], ends: ends.map((run) => run && spans.get(run)) };
}

/** The token at a position of the text that ends in a span. */
export function tokenAt(end: Span | undefined, position: number): number {
  if (end === undefined) throw new RangeError('An empty text has no tokens.');
  const start = startOf(end);
  return position < start ? tokenAt(end.after, position) : end.keys + position - start;
}

/** The keys of spans and of those that they continue, without queries, by these spans. */
export function keysOf(spans: readonly Span[]): Map<Span, Span> {
  const keys = new Map<Span, Span>();
  const of = (one: Span): Span => {
    const known = keys.get(one);
    if (known) return known;
    const made = { ...one, queries: 0, queryCount: 0, after: one.after && of(one.after) };
    keys.set(one, made);
    return made;
  };
  spans.forEach(of);
  return keys;
}

/** Steps from a power of two to the next, as a power of two. */
const STEPS = { tokens: 3, labels: 1, sources: 5 } as const;

/**
 * The smallest of the sizes that programs are compiled for, of which there are eight from a power of two to the next for
 * tokens of training, thirty-two for those of tests, and two for labels: less than an eighth more than there are, 4 % on
 * average; less than 4 %; and less than half.
 */
export function roundedUp(count: number, of: keyof typeof STEPS): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, count))) - STEPS[of]);
  return Math.max(1, Math.ceil(count / step) * step);
}
