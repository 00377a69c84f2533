import { mean } from '../../base/statistics.ts';
import { type AccuracyMatrix, firstRounds, measuredBy, measuresOf } from '../../run/results/measures.ts';
import type { Measures, Results, TaskReport } from '../../run/results/results.ts';
import { isScoredBy, isShare, mainScore, type Score, SCORES } from '../../tasks/forms.ts';
import { NONE, percent, points } from '../ui/format.ts';

/** Mean of the known values; null if there are none. */
export function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : mean(known);
}

/**
 * The last round whose own task has been tested. That test is the last of its learned tasks, so the measures can be
 * computed over the rounds up to this one.
 */
export const roundsTested = (matrix: AccuracyMatrix): number =>
  Math.max(
    0,
    matrix.findLastIndex((row, round) => round > 0 && typeof row[round - 1] === 'number'),
  );

/**
 * Change in accuracy since the task was learned: R[round][task] − R[task + 1][task], or of a watched task since before
 * training. null until then and where either is missing.
 *
 * @param task column, from 0; its own round is `task + 1`. Columns of watched tasks follow the learned ones.
 */
export function changeSinceLearned(matrix: AccuracyMatrix, round: number, task: number): number | null {
  const own = task + 1 < matrix.length ? task + 1 : 0;
  const now = matrix[round]?.[task] ?? null;
  const learned = matrix[own]?.[task] ?? null;
  return round < own || now === null || learned === null ? null : now - learned;
}

/** The score that charts show; `main` is each task's own. */
export type ScoreView = Score | 'main';

export const SCORE_NAMES: Readonly<Record<Score, string>> = {
  exact: 'Exact answer',
  ranked: 'Likeliest label (ranked)',
  rougeL: 'Words in common (ROUGE-L)',
  loss: 'Surprise (loss)',
};

type Scored = Pick<TaskReport, 'form' | 'score' | 'watched'>;

const isLearned = ({ watched }: Scored): boolean => watched !== true;

/** The scores that some learned task of a run has. */
export const scoresOf = (tasks: readonly Scored[]): Score[] =>
  SCORES.filter((score) => tasks.some((task) => isLearned(task) && isScoredBy(task, score)));

/** The score of a task in a view; its own if each task shows its main one, and of a watched task without that score. */
export const scoreIn = (view: ScoreView, task: Scored = {}): Score =>
  view === 'main' || (!isLearned(task) && !isScoredBy(task, view)) ? mainScore(task) : view;

/** The matrix of a view: each task's main score, or one score for all; empty before a run. */
export function matrixOf(results: Results | null, view: ScoreView): AccuracyMatrix {
  if (results === null) return [];
  const { accuracy, tasks } = results;
  return accuracy.exact.map((row, round) => row.map((_, j) => accuracy[scoreIn(view, tasks[j])]?.[round]?.[j] ?? null));
}

/**
 * The matrix of the tasks that count by right answers, exact or ranked as the view says, otherwise by their main score;
 * null for all other tasks. `ranked` names those that are ranked and learned.
 */
export function sharesOf(results: Results, view: ScoreView): { matrix: AccuracyMatrix; ranked: string[] } {
  const scores = results.tasks.map((task) => {
    const main = mainScore(task);
    return isShare(main) ? (view !== 'main' && isShare(view) && isScoredBy(task, view) ? view : main) : null;
  });
  const { accuracy, tasks } = results;
  const matrix = accuracy.exact.map((row, round) =>
    row.map((_, j) => {
      const score = scores[j] ?? null;
      return score === null ? null : (accuracy[score][round]?.[j] ?? null);
    }),
  );
  return { matrix, ranked: tasks.flatMap((task, j) => (isLearned(task) && scores[j] === 'ranked' ? [task.name] : [])) };
}

/**
 * The measures of a run in a view, and what their means leave out or mix, in a sentence; null if all is of one kind.
 *
 * @param rounds how many rounds count, from the first; all by default.
 */
export function measuresIn(
  results: Results | null,
  view: ScoreView,
  rounds = Infinity,
): { measures: Measures; isLoss: boolean; note: string | null } {
  const matrix = firstRounds(matrixOf(results, view), rounds);
  const tasks = (results?.tasks ?? []).slice(0, rounds).filter(isLearned);
  if (view !== 'main') {
    const by = measuredBy(tasks, view);
    const left = tasks.length - by.columns.length;
    const note = left === 0 ? null : `Over the ${by.columns.length} of ${tasks.length} tasks that have this score.`;
    return { measures: measuresOf(matrix, by), isLoss: by.isLoss, note };
  }
  const main = tasks.map((task) => mainScore(task));
  const losses = main.filter((score) => score === 'loss').length;
  const isLoss = tasks.length > 0 && losses === tasks.length;
  const columns = [...main.keys()].filter((j) => isLoss || main[j] !== 'loss');
  const kinds = [...new Set(columns.map((j) => SCORE_NAMES[main[j] ?? 'exact']))];
  const notes = [
    ...(kinds.length > 1 ? [`Means over different scores: ${kinds.join(' and ')}.`] : []),
    ...(!isLoss && losses > 0 ? [`Losses are left out: ${losses} of ${tasks.length} tasks.`] : []),
  ];
  const known = tasks.length === 0 ? undefined : { columns, isLoss };
  return { measures: measuresOf(matrix, known), isLoss, note: notes.length === 0 ? null : notes.join(' ') };
}

/** A value as its score is written: percent, or a loss. */
export const scoreText = (score: Score, value: number | null): string =>
  score === 'loss' ? (value === null ? NONE : value.toFixed(3)) : percent(value);

/** A change as its score is written: points, or a difference of losses. */
export function changeText(score: Score, change: number | null): string {
  if (score !== 'loss' || change === null) return points(change);
  return `${change < 0 ? '\u2212' : '+'}${Math.abs(change).toFixed(3)}`;
}
