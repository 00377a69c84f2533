import { answersAt, type AnswerCount } from '../../run/results/confusion.ts';
import type { Results } from '../../run/results/results.ts';

/** What became of the test examples of one label. */
export interface LabelRow {
  readonly label: string;
  readonly examples: number;
  /** Share of right answers after each of two rounds; null if the task was not tested then. */
  readonly before: number | null;
  readonly after: number;
  /** Number of answers with each label after the second round, in the order of the labels; last, any other answer. */
  readonly answered: readonly number[];
}

/** The rounds after which the answers to a task are known, 0 for before training. */
export const roundsWithAnswers = ({ confusion = [] }: Pick<Results, 'confusion'>, task: number): number[] =>
  confusion.flatMap((one) => (one.task === task + 1 ? one.round : [])).sort((a, b) => a - b);

/**
 * The answers of a task by their right label: how many were right, and what was answered instead. Labels without a test
 * example are left out.
 *
 * @param task from 0.
 * @returns none if the answers after the second round are not known.
 */
export function labelRows(
  results: Pick<Results, 'confusion'>,
  task: number,
  labels: readonly string[],
  { from, to }: { from: number; to: number },
): LabelRow[] {
  const [before, after] = [answersAt(results, from, task), answersAt(results, to, task)];
  if (after === undefined) return [];
  return labels.flatMap((label, i): LabelRow[] => {
    const answered = answersTo(after, i, labels.length);
    const examples = total(answered);
    if (examples === 0) return [];
    const first = before && answersTo(before, i, labels.length);
    const share = (counts: readonly number[]): number => counts[i] / examples;
    return [{ label, examples, before: first ? share(first) : null, after: share(answered), answered }];
  });
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

function answersTo(counts: readonly AnswerCount[], right: number, labels: number): number[] {
  const answered = new Array<number>(labels + 1).fill(0);
  for (const [label, answer, count] of counts) if (label === right) answered[answer] += count;
  return answered;
}
