import { deviation, groupedBy, mean, studentQuantile } from '../../base/statistics.ts';
import type { Results } from './results.ts';
import { type Score, mainScore } from '../../tasks/forms.ts';

type Measured = NonNullable<NonNullable<Results['probes']>['generalText']>;

/** A model on general text after a round, or before training. */
export interface GeneralTextState {
  readonly round: number;
  /** Mean −log p per token, in nats; and in bits per byte of text, which compares tokenizers too. */
  readonly loss: number;
  readonly bitsPerByte: number;
  /** KL from the base model per token of the text, and of the answers to test prompts; null if it is not known. */
  readonly divergence: number | null;
  readonly promptDivergence: number | null;
}

/** The change of the loss on general text by training. */
interface GeneralTextChange {
  readonly before: GeneralTextState;
  readonly now: GeneralTextState;
  /** `now` less `before`, with its 95 % interval; null with a single passage. */
  readonly change: number;
  readonly interval: readonly [low: number, high: number] | null;
  readonly passages: number;
}

/** The states that a run has measured and that are finite, by round. */
export function generalTextStates({ probes }: Pick<Results, 'probes'>): GeneralTextState[] {
  const text = probes?.generalText;
  if (text === undefined) return [];
  const { tokens, bytes, prompts, rounds } = text;
  // A model that is taught more has tasks that its earlier rounds had no prompts of.
  const tokensOf = (task: number): number => prompts.find((one) => one.task === task)?.tokens ?? 0;
  return rounds
    .flatMap(({ round, losses, divergences, prompts: measured }): GeneralTextState[] => {
      const loss = weighted(losses, tokens);
      if (loss === null) return [];
      const bits = (loss * sumOf(tokens)) / Math.LN2 / Math.max(1, sumOf(bytes));
      const promptDivergence = weighted(
        measured.map(({ divergence }) => divergence),
        measured.map(({ task }) => tokensOf(task)),
      );
      return [{ round, loss, bitsPerByte: bits, divergence: weighted(divergences, tokens), promptDivergence }];
    })
    .sort((a, b) => a.round - b.round);
}

/**
 * Returns the change of the loss on general text, from before training to a round, by default the last one measured.
 * Null without both.
 *
 * The change is a ratio of sums, nats over tokens, and its interval that of ratios over paired passages (docs/method.md,
 * eq. (34); Cochran, Sampling Techniques, 1977, section 6.4).
 */
export function generalTextChange(results: Pick<Results, 'probes'>, last = Infinity): GeneralTextChange | null {
  const states = generalTextStates(results).filter(({ round }) => round <= last);
  const [before, now] = [states.at(0), states.at(-1)];
  const text = results.probes?.generalText;
  if (text === undefined || before?.round !== 0 || now === undefined || now.round === 0) return null;
  const lossesOf = (round: number): Measured['rounds'][number]['losses'] =>
    text.rounds.find((one) => one.round === round)?.losses ?? [];
  const [from, to] = [lossesOf(0), lossesOf(now.round)];
  const { tokens } = text;
  const change = now.loss - before.loss;
  const mean = sumOf(tokens) / tokens.length;
  const residuals = tokens.map((count, i) => (count * ((to[i] ?? 0) - (from[i] ?? 0) - change)) / mean);
  const half = (studentQuantile(tokens.length - 1) * deviation(residuals)) / Math.sqrt(tokens.length);
  const interval = tokens.length < 2 ? null : ([change - half, change + half] as const);
  return { before, now, change, interval, passages: tokens.length };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** The mean over tokens; null if a value is not finite or there are no tokens. */
function weighted(values: readonly (number | null)[], tokens: readonly number[]): number | null {
  const all = sumOf(tokens);
  if (all === 0) return null;
  let sum = 0;
  for (const [i, value] of values.entries()) {
    if (value === null) return null;
    sum += value * tokens[i];
  }
  return sum / all;
}

/**
 * The change in words: “It models general text a little worse: 3.21 → 3.26 nats a token (+0.05, 95 % interval +0.03 to
 * +0.07 over 8 passages; 0.98 → 1.00 bits a byte). It moved from the base model (KL) by 0.0412 nats a token
 * there, 0.91 in answers to test prompts.”
 */
export function generalTextSentence({ before, now, change, interval, passages }: GeneralTextChange): string {
  const size = Math.abs(change);
  const isClear = interval !== null && (interval[0] > 0 || interval[1] < 0) && size >= 0.0005;
  // A change that two digits do not show has three.
  const digits = before.loss.toFixed(2) === now.loss.toFixed(2) ? 3 : 2;
  const [from, to, bitsFrom, bitsTo] = [before.loss, now.loss, before.bitsPerByte, now.bitsPerByte].map((value) =>
    value.toFixed(digits),
  );
  const amount = size < A_LITTLE ? 'a little ' : size > MUCH ? 'much ' : '';
  const verdict = isClear ? `${amount}${change > 0 ? 'worse' : 'better'}` : 'as well as before, within chance';
  const range =
    interval === null
      ? ''
      : `, 95 % interval ${signed(interval[0], digits)} to ${signed(interval[1], digits)} over ${passages} passages`;
  return `It models general text ${verdict}: ${from} → ${to} nats a token (${signed(change, digits)}${range}; ${bitsFrom} → ${bitsTo} bits a byte).${movedText(now)}`;
}

function movedText({ divergence, promptDivergence }: GeneralTextState): string {
  const parts = [
    ...(divergence === null ? [] : [`${divergence.toPrecision(2)} nats a token there`]),
    ...(promptDivergence === null ? [] : [`${promptDivergence.toPrecision(2)} in answers to test prompts`]),
  ];
  return parts.length === 0 ? '' : ` It moved from the base model (KL) by ${parts.join(', ')}.`;
}

/**
 * Nats a token. For scale: one model of 3 billion parameters lost 0.03 by full fine-tuning and 0.05 to 0.11 by LoRA in
 * the benchmark of huggingface/peft.
 */
const [A_LITTLE, MUCH] = [0.1, 0.5];

const signed = (value: number, digits: number): string => {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? '0' : `${value < 0 ? '\u2212' : '+'}${text}`;
};

type Watching = Pick<Results, 'tasks' | 'accuracy'>;

/** The scores of watched tasks by one measure: means before training and in the last tests. */
export interface WatchedSum {
  readonly score: Score;
  readonly before: number;
  readonly now: number;
  /** Names of the tasks, without those that can show nothing. */
  readonly tasks: readonly string[];
}

/** A watched task with its main score before training and in its last test; null if it was not tested. */
interface WatchedTask {
  readonly name: string;
  readonly score: Score;
  readonly before: number | null;
  readonly now: number | null;
  /** Whether the model did no better than chance before, so that there is nothing to lose. */
  readonly isIdle: boolean;
}

/** Standard errors by which a share may exceed chance by accident. */
const ERRORS = 2;
/** ROUGE-L that unrelated texts reach by common words. */
const COMMON_WORDS = 0.05;
/** The share of the loss of guessing that counts as guessing. */
const GUESSED = 0.9;

/** The tasks that a run only tests. */
function watchedTasks({ tasks, accuracy }: Watching): WatchedTask[] {
  return tasks.flatMap((task, j): WatchedTask[] => {
    if (task.watched !== true) return [];
    const score = mainScore(task);
    const matrix = accuracy[score] ?? [];
    const before = matrix[0]?.[j] ?? null;
    const now = matrix.findLast((row) => (row[j] ?? null) !== null)?.[j] ?? null;
    return [{ name: task.name, score, before, now, isIdle: before !== null && isChance(task, score, before) }];
  });
}

/** Whether a score is no better than guessing: among the labels, by common words, or among all tokens. */
function isChance(
  { labels, testExamples, chanceLoss = Infinity }: Results['tasks'][number],
  score: Score,
  value: number,
): boolean {
  if (score === 'loss') return value > GUESSED * chanceLoss;
  if (score === 'rougeL') return value <= COMMON_WORDS;
  const chance = labels.length === 0 ? 0 : 1 / labels.length;
  return value <= chance + ERRORS * Math.sqrt((chance * (1 - chance)) / Math.max(1, testExamples));
}

/** Names of the watched tasks that can show nothing, since the model was near chance on them before training. */
export const idleTasks = (results: Watching): string[] =>
  watchedTasks(results).flatMap(({ name, isIdle }) => (isIdle ? [name] : []));

/** Sums what the model could do before, and what it can do now, by score; tasks near chance are left out. */
export function watchedSums(results: Watching): WatchedSum[] {
  const known = watchedTasks(results).flatMap(({ name, score, before, now, isIdle }) =>
    before === null || now === null || isIdle ? [] : [{ name, score, before, now }],
  );
  return Array.from(
    groupedBy(known, ({ score }) => score),
    ([score, of]) => ({
      score,
      before: mean(of.map(({ before }) => before)),
      now: mean(of.map(({ now }) => now)),
      tasks: of.map(({ name }) => name),
    }),
  );
}

/** A question that a model answered rightly before training and does not now, with both answers. */
interface LostQuestion {
  readonly question: string;
  readonly before: string;
  readonly after: string;
}

/** The questions of common knowledge that a model still answers after a round. */
interface KeptQuestions {
  readonly round: number;
  /** Questions asked, and how many of them it answered rightly before training. */
  readonly asked: number;
  readonly before: number;
  /** How many of these it still answers rightly, and which it does not. */
  readonly still: number;
  readonly lost: readonly LostQuestion[];
}

/** After each round that was asked, in order; empty if the model was not asked before training or not after it. */
export function keptQuestions({ probes }: Pick<Results, 'probes'>): KeptQuestions[] {
  const { questions = [], rounds = [] } = probes?.commonQuestions ?? {};
  const first = rounds.find(({ round }) => round === 0);
  if (first === undefined) return [];
  const { answers, right } = first;
  return rounds
    .filter(({ round }) => round > 0)
    .sort((a, b) => a.round - b.round)
    .map(({ round, answers: now, right: isRight }): KeptQuestions => ({
      round,
      asked: questions.length,
      before: right.filter(Boolean).length,
      still: right.filter((was, i) => was && isRight[i]).length,
      lost: questions.flatMap(({ question }, i) =>
        right[i] && !isRight[i] ? [{ question, before: answers[i] ?? '', after: now[i] ?? '' }] : [],
      ),
    }));
}

/** “It still answers 42 of the 45 questions of common knowledge that it answered rightly before, of 60 asked.” */
export const keptSentence = ({ asked, before, still }: KeptQuestions): string =>
  before === 0
    ? `It answered none of ${asked} questions of common knowledge rightly before training, so they show nothing.`
    : `It still answers ${still} of the ${before} questions of common knowledge that it answered rightly before, of ${asked} asked.`;
