import { groupedBy } from '../base/statistics.ts';
import { porterStem } from './porter.ts';
import { split } from './python-text.ts';

// Of scripts without spaces, each letter counts as a word. (Intl.Segmenter copies the whole text for every word.)
const UNSPACED = '[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}]';

/** A word of any script. */
export const WORD = new RegExp(`${UNSPACED}|(?:(?!${UNSPACED})[\\p{L}\\p{M}\\p{N}])+`, 'gu');

const LATIN = /\p{Script=Latin}/gu;
const LETTER = /\p{L}/gu;

/** Whether most letters of a text are not Latin ones. */
export function isMostlyNotLatin(text: string): boolean {
  const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;
  return 2 * count(LATIN) < count(LETTER);
}

/** How well an answer matches its label, each from 0 to 1. docs/method.md, section 6. */
export interface Score {
  exactMatch: boolean;
  rouge1: number;
  rougeL: number;
}

/** A score with the groups in which it is averaged. */
export interface GroupedScore extends Score {
  /** Kind of the task: TC, SC, … */
  kind: string;
  /** Name of the task: agnews, … */
  dataset: string;
}

const ASCII_PUNCTUATION = /[!-/:-@[-`{-~]/g;

/** Text as exact match compares it: lower case, no ASCII punctuation, white space folded to single spaces. */
export function normalisedAnswer(text: string): string {
  return split(text.toLowerCase().replace(ASCII_PUNCTUATION, '')).join(' ');
}

/**
 * Scores one generated answer. ROUGE as Python's `rouge_score` computes it with `use_stemmer=True`; it sees no letters
 * but a–z, so that every answer in Greek or Chinese would score 0: if most letters of the label are not Latin, words of
 * any script count.
 */
export function scoreOf(prediction: string, label: string): Score {
  const tokensOf = isMostlyNotLatin(label) ? wordTokens : rougeTokens;
  const predicted = tokensOf(prediction);
  const wanted = tokensOf(label);
  return {
    exactMatch: normalisedAnswer(prediction) === normalisedAnswer(label),
    rouge1: fMeasure(sharedTokens(predicted, wanted), predicted.length, wanted.length),
    rougeL: fMeasure(longestCommonSubsequence(predicted, wanted), predicted.length, wanted.length),
  };
}

/** The best scores of an answer over all that count as right, each on its own. */
export function bestScoreOf(prediction: string, labels: readonly string[]): Score {
  const scores = labels.map((label) => scoreOf(prediction, label));
  return {
    exactMatch: scores.some(({ exactMatch }) => exactMatch),
    rouge1: scores.reduce((best, { rouge1 }) => Math.max(best, rouge1), 0),
    rougeL: scores.reduce((best, { rougeL }) => Math.max(best, rougeL), 0),
  };
}

/** The first of the right answers that a written one matches best, by ROUGE-L. */
export function closestOf(prediction: string, labels: readonly string[]): string {
  if (labels.length < 2) return labels.at(0) ?? '';
  const scores = labels.map((label) => scoreOf(prediction, label).rougeL);
  return labels[scores.indexOf(Math.max(...scores))] ?? '';
}

/**
 * Averages scores in percent, rounded to 4 places: over all (`exact_match`, `rouge1`, `rougeL`), then per kind and per
 * dataset (`exact_match_for_TC`, …). If a kind and a dataset share a name, the dataset's average wins, as in the
 * released code (`compute_metrics`, `compute_grouped_metrics`).
 *
 * @returns an empty record if there are no scores.
 */
export function averageScores(scores: readonly GroupedScore[]): Record<string, number> {
  if (scores.length === 0) return {};
  const averages = averagesOf(scores, '');
  for (const groupOf of [(score: GroupedScore) => score.kind, (score: GroupedScore) => score.dataset]) {
    for (const [name, members] of groupedBy(scores, groupOf))
      Object.assign(averages, averagesOf(members, `_for_${name}`));
  }
  return averages;
}

function averagesOf(scores: readonly Score[], suffix: string): Record<string, number> {
  const percent = (valueOf: (score: Score) => number): number =>
    roundedTo4((100 * scores.reduce((sum, score) => sum + valueOf(score), 0)) / scores.length);
  return {
    [`exact_match${suffix}`]: percent((score) => (score.exactMatch ? 1 : 0)),
    [`rouge1${suffix}`]: percent((score) => score.rouge1),
    [`rougeL${suffix}`]: percent((score) => score.rougeL),
  };
}

/** Rounds to 4 places as Python's `round` does: a value exactly half-way goes to the even neighbour. */
export function roundedTo4(value: number): number {
  // A binary fraction is half-way between two 4-place decimals only if it is an odd multiple of 1/32.
  const half = Math.abs(value * 32) % 2 === 1;
  if (!half) return Number(value.toFixed(4));
  const below = Math.floor(value * 1e4);
  return (below % 2 === 0 ? below : below + 1) / 1e4;
}

/** Lower-case runs of a–z and 0–9, stemmed if longer than three letters. */
function rougeTokens(text: string): string[] {
  const tokens = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return tokens.map((token) => (token.length > 3 ? porterStem(token) : token));
}

const wordTokens = (text: string): string[] => text.toLowerCase().match(WORD) ?? [];

/** Number of tokens in common, each counted as often as it occurs in both. */
function sharedTokens(a: readonly string[], b: readonly string[]): number {
  const left = new Map<string, number>();
  for (const token of a) left.set(token, (left.get(token) ?? 0) + 1);
  let shared = 0;
  for (const token of b) {
    const count = left.get(token) ?? 0;
    if (count === 0) continue;
    left.set(token, count - 1);
    shared++;
  }
  return shared;
}

function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  // lengths[j]: length of the longest common subsequence of a's tokens so far and b's first j.
  const lengths = new Array<number>(b.length + 1).fill(0);
  for (const token of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = lengths[j];
      lengths[j] = token === b[j - 1] ? diagonal + 1 : Math.max(above, lengths[j - 1]);
      diagonal = above;
    }
  }
  return lengths[b.length];
}

/** Harmonic mean of precision and recall, 0 when nothing is shared. */
function fMeasure(shared: number, predicted: number, wanted: number): number {
  if (shared === 0) return 0;
  const precision = shared / predicted;
  const recall = shared / wanted;
  return (2 * precision * recall) / (precision + recall);
}
