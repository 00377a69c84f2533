import type { Turned } from '../../base/proportions.ts';
import { normalisedAnswer, type Score } from '../../text/scores.ts';
import type { Results } from './results-fields.ts';

/** The answer of the model to one example. */
export interface Answer extends Score {
  text: string;
  /** Tokens written, including the end-of-text token. */
  generated: number;
  /** −log p of the right label, summed over its tokens, and their number. */
  loss: number;
  labelTokens: number;
}

/** How often a label was answered as which: indexes of the right label and of the answer, and how often. */
export type AnswerCount = NonNullable<Results['confusion']>[number]['answers'][number];

/**
 * Counts the answers to the tests of a task by right label and by answer. Answers are compared as exact match compares
 * them; any other answer has the index after the last.
 *
 * @param right the right label of every test.
 * @param written the answer to every test.
 * @returns the counts above 0, by right label, then by answer.
 */
export function countAnswers(
  labels: readonly string[],
  right: readonly string[],
  written: readonly string[],
): AnswerCount[] {
  const column = new Map(labels.map((label, i) => [normalisedAnswer(label), i]));
  const width = labels.length + 1;
  const counts = new Map<number, number>();
  right.forEach((label, i) => {
    const cell = labels.indexOf(label) * width + (column.get(normalisedAnswer(written[i])) ?? labels.length);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  });
  return [...counts].sort(([a], [b]) => a - b).map(([cell, count]) => [Math.floor(cell / width), cell % width, count]);
}

/** The answers to a task after a round; undefined if it was not tested, has no labels, or a version before this tested it. */
export const answersAt = (
  { confusion }: Pick<Results, 'confusion'>,
  round: number,
  task: number,
): readonly AnswerCount[] | undefined =>
  confusion?.find((one) => one.round === round && one.task === task + 1)?.answers;

/** How the answers of results disagree with their tasks or accuracies, in words; null if they do not. */
export function confusionFault({ tasks, accuracy, confusion = [] }: Results): string | null {
  const seen = new Set<string>();
  for (const { round, task, answers } of confusion) {
    const where = `confusion after round ${round} of task ${task}`;
    const share = accuracy.exact[round]?.[task - 1] ?? null;
    const labels = tasks[task - 1]?.labels.length ?? 0;
    if (share === null || seen.has(`${round} ${task}`)) return `it has a ${where} that its tests do not have`;
    seen.add(`${round} ${task}`);
    if (answers.some(([right, answer]) => right >= labels || answer > labels))
      return `the ${where} counts labels that the task does not have`;
    const sum = (counted: readonly AnswerCount[]): number => counted.reduce((all, [, , count]) => all + count, 0);
    const [all, hits] = [sum(answers), sum(answers.filter(([right, answer]) => right === answer))];
    if (all === 0 || Math.abs(hits / all - share) > 1e-9) return `the ${where} does not give its accuracy`;
  }
  return null;
}

/** Yes and no as hexadecimal digits of four each, the first in the highest bit. */
export function bitsText(values: readonly boolean[]): string {
  let text = '';
  for (let i = 0; i < values.length; i += 4) {
    text += [8, 4, 2, 1].reduce((digit, bit, j) => digit + (values[i + j] ? bit : 0), 0).toString(16);
  }
  return text;
}

/**
 * How the answers to a task's tests turned from a round to another; null if it is not known which were right.
 *
 * @param task index in the order, from 0.
 */
export function turnedBetween(
  { right = [] }: Pick<Results, 'right'>,
  score: 'exact' | 'ranked',
  task: number,
  [from, to]: readonly [from: number, to: number],
): Turned | null {
  const [before, after] = [from, to].map(
    (round) => right.find((one) => one.round === round && one.task === task + 1)?.[score],
  );
  return before === undefined || after === undefined ? null : turnedBits(before, after);
}

/**
 * The answers that two runs gave to the same tests at their ends: how many only the first had right, as `wrong`, and how
 * many only the second, as `right`. Null if they were not tested on the same examples, or it is not known which were right.
 */
export function answersOfBoth(one: Results, other: Results): Turned | null {
  const testsOf = ({ settings, tasks }: Results): string =>
    JSON.stringify([
      settings.training.seed,
      tasks.map(({ name, texts, testExamples }) => [name, texts, testExamples].join(' ')).toSorted(),
    ]);
  if (testsOf(one) !== testsOf(other) || one.tasks.some(({ texts }) => texts === undefined)) return null;
  const last = ({ right = [], tasks, accuracy }: Results, name: string): string | undefined => {
    const task = tasks.findIndex((own) => own.name === name) + 1;
    return right.find((bits) => bits.task === task && bits.round === accuracy.exact.length - 1)?.exact;
  };
  let both = { wrong: 0, right: 0 };
  for (const { name, watched, form = 'labels' } of one.tasks) {
    if (watched === true) continue;
    if (form !== 'labels') return null;
    const [mine, theirs] = [last(one, name), last(other, name)];
    const turned = mine === undefined || theirs === undefined ? null : turnedBits(mine, theirs);
    if (turned === null) return null;
    both = { wrong: both.wrong + turned.wrong, right: both.right + turned.right };
  }
  return both;
}

/** How answers turned from one list of bits to another; null if they are not of as many examples. */
function turnedBits(before: string, after: string): Turned | null {
  if (before.length !== after.length) return null;
  const turned = { wrong: 0, right: 0 };
  for (let i = 0; i < before.length; i++) {
    const [was, is] = [parseInt(before[i], 16), parseInt(after[i], 16)];
    for (const bit of [8, 4, 2, 1]) {
      if (was & bit && !(is & bit)) turned.wrong++;
      if (is & bit && !(was & bit)) turned.right++;
    }
  }
  return turned;
}
