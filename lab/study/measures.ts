import { isLearnedBy, SCORE_WORDS } from '../../src/run/results/accuracy-table.ts';
import { generalTextChange, watchedSums } from '../../src/run/results/known-before.ts';
import { type AccuracyMatrix, measuresOf } from '../../src/run/results/measures.ts';
import type { Measures, Results } from '../../src/run/results/results.ts';
import { countsByOwnScores, mainScore, type Score } from '../../src/tasks/forms.ts';
import { GENERAL_TEXT_COLUMN, type MeasureName } from '../../src/run/results/study-report.ts';
import { mean } from '../../src/base/statistics.ts';

/** The measures of a run, in percent; null if its matrix lacks an entry. */
export type Measured = Readonly<Record<MeasureName, number | null>>;

/** R of exact match, or of each task's own score. A loss counts as the probability of a token, exp(−loss). */
function matrixOf({ tasks, accuracy }: Results): AccuracyMatrix {
  if (!countsByOwnScores(tasks)) return accuracy.exact;
  const scores = tasks.map(mainScore);
  return accuracy.exact.map((row, t) =>
    row.map((_, j) => {
      const value = accuracy[scores[j]]?.[t]?.[j] ?? null;
      return value !== null && scores[j] === 'loss' ? Math.exp(-value) : value;
    }),
  );
}

/** R[t][t] in percent, by position. */
export const justLearnedOf = (results: Results): (number | null)[] =>
  matrixOf(results)
    .slice(1)
    .map((row, at) => (row[at] === null ? null : 100 * row[at]));

/** Every measure that a run has of its own: of exact match, or of each task's own score. */
export function measuredOf(results: Results): Omit<Measured, 'intransigence'> {
  const { measures, tasks } = results;
  const percent = (value: number | null): number | null => (value === null ? null : 100 * value);
  const matrix = matrixOf(results);
  const columns = [...tasks.keys()].filter((task) => tasks[task].watched !== true);
  const own = countsByOwnScores(tasks) ? measuresOf(matrix, { columns, isLoss: false }) : measures.exact;
  const curve = own.averagePerformanceCurve.flatMap((value) => value ?? []);
  const last = columns.map((task) => matrix.at(-1)?.[task] ?? null);
  const tested = last.flatMap((value) => value ?? []);
  return {
    ap: percent(own.averagePerformance),
    apRanked: percent(measures.ranked.averagePerformance),
    anytime: curve.length === own.averagePerformanceCurve.length ? percent(mean(curve)) : null,
    bwt: percent(own.backwardTransfer),
    forgetting: percent(own.forgetting),
    fwt: percent(own.forwardTransfer),
    justLearned: percent(own.justLearned),
    worst: tested.length > 0 && tested.length === last.length ? percent(Math.min(...tested)) : null,
  };
}

/** A measure of a run that a study without free answers, watched tasks and general text does not have. */
export interface FreeMeasure {
  /** As a column of a table. */
  readonly name: string;
  /** In percent, or a loss; null if the matrix lacks an entry. */
  readonly value: number | null;
  readonly isLoss: boolean;
}

/** Describes the change of general text, if it was measured. */
function textMeasures(results: Results): FreeMeasure[] {
  const change = generalTextChange(results);
  if (change === null) return [];
  const { before, now } = change;
  return [
    { name: GENERAL_TEXT_COLUMN, value: before.loss, isLoss: true },
    { name: 'its change', value: change.change, isLoss: true },
    { name: 'KL there', value: now.divergence, isLoss: true },
  ];
}

/** ROUGE-L and losses of free answers, and what became of the watched tasks and of general text. */
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
    ...textMeasures(results),
  ];
}
