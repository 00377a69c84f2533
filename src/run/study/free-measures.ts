import { measuredBy } from '../measures.ts';
import type { Measures, Results, TaskReport } from '../results.ts';
import type { Score } from '../scoring.ts';
import { watchedSums } from '../watched.ts';

export const SCORE_WORDS: Readonly<Record<Score, string>> = {
  exact: 'exact',
  ranked: 'ranked',
  rougeL: 'ROUGE-L',
  loss: 'loss per token',
};

/** Whether some learned task of a run is tested by a score. */
export const isLearnedBy = (score: Score, tasks: readonly TaskReport[]): boolean =>
  measuredBy(tasks, score).columns.length > 0;

/** A measure of a run that a study without free answers and watched tasks does not have. */
export interface FreeMeasure {
  /** As a column of a table. */
  readonly name: string;
  /** In percent, or a loss; null if the matrix lacks an entry. */
  readonly value: number | null;
  readonly isLoss: boolean;
}

/** ROUGE-L and losses of free answers, and what became of the watched tasks. */
export function freeMeasures(results: Results): FreeMeasure[] {
  const { tasks, measures } = results;
  const of = (score: Score, name: string, value: number | null): FreeMeasure => {
    const isLoss = score === 'loss';
    return { name: `${name} ${SCORE_WORDS[score]}`, value: value === null || isLoss ? value : 100 * value, isLoss };
  };
  const learned = (score: 'rougeL' | 'loss', own: Measures | undefined): FreeMeasure[] =>
    own === undefined || !isLearnedBy(score, tasks)
      ? []
      : [
          of(score, score === 'loss' ? 'mean' : 'AP', own.averagePerformance),
          of(score, 'BWT', own.backwardTransfer),
          of(score, 'just learned', own.justLearned),
        ];
  return [
    ...learned('rougeL', measures.rougeL),
    ...learned('loss', measures.loss),
    ...watchedSums(results).flatMap(({ score, before, now }) => [
      of(score, 'watched before', before),
      of(score, 'watched at the end', now),
    ]),
  ];
}
