import type { Measures, Results, TaskReport } from './results-fields.ts';
import { isScoredBy, type Score, SCORES } from '../../tasks/forms.ts';

/** R[t][j]: rows 0..T (0 = before training), columns tasks 1..T; null if not measured. */
export type AccuracyMatrix = Results['accuracy']['exact'];

/** Mean of a list; null when it is empty or lacks an entry, so that a gap is never read as 0. */
function mean(values: readonly (number | null)[]): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum / values.length;
}

const difference = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a - b);

/** Which columns of a matrix count, from 0, and whether less is better. */
interface MeasuredBy {
  readonly columns: readonly number[];
  readonly isLoss: boolean;
}

/**
 * The measures of docs/method.md, eq. (21), after GEM (Lopez-Paz & Ranzato 2017) for both transfers and after Chaudhry
 * et al. 2018 for forgetting, whose maximum (of a loss: minimum) here includes the last round, so that it is never
 * negative.
 *
 * @param matrix (T+1)×T, fractions or losses.
 * @param by all columns, of fractions, by default.
 * @returns null if an entry that the measure needs is missing, or, for measures between tasks, with a single task.
 */
export function measuresOf(matrix: AccuracyMatrix, by?: MeasuredBy): Measures {
  const rounds = matrix.length - 1;
  const at = (t: number, j: number): number | null => matrix[t]?.[j - 1] ?? null;
  const all = Array.from({ length: Math.max(rounds, 0) }, (_, i) => i + 1);
  const tasks = by === undefined ? all : all.filter((j) => by.columns.includes(j - 1));
  const earlier = tasks.filter((j) => j < rounds);
  const isLoss = by?.isLoss === true;
  const best = (j: number): number | null => {
    if (all.some((t) => t >= j && at(t, j) === null)) return null; // it may have been best in a round without a test
    const measured = all.map((t) => at(t, j)).filter((value) => value !== null);
    return isLoss ? Math.min(...measured) : Math.max(...measured);
  };
  const lost = (j: number): number | null => {
    const fall = difference(best(j), at(rounds, j));
    return fall === null || !isLoss ? fall : -fall;
  };
  return {
    averagePerformance: mean(tasks.map((j) => at(rounds, j))),
    averagePerformanceCurve: all.map((t) => mean(tasks.filter((j) => j <= t).map((j) => at(t, j)))),
    backwardTransfer: mean(earlier.map((j) => difference(at(rounds, j), at(j, j)))),
    forgetting: mean(earlier.map(lost)),
    forwardTransfer: mean(tasks.filter((j) => j > 1).map((j) => difference(at(j - 1, j), at(0, j)))),
    justLearned: mean(tasks.map((j) => at(j, j))),
  };
}

/** The columns of the learned tasks that have a score. */
export const measuredBy = (tasks: readonly Pick<TaskReport, 'form' | 'watched'>[], score: Score): MeasuredBy => ({
  columns: [...tasks.keys()].filter((j) => isScoredBy(tasks[j], score) && tasks[j].watched !== true),
  isLoss: score === 'loss',
});

/** The matrices of a run, and the measures of each over the tasks that it scores. */
export function withMeasures(
  accuracy: Results['accuracy'],
  tasks: readonly Pick<TaskReport, 'form' | 'watched'>[],
): Pick<Results, 'accuracy' | 'measures'> {
  const measures: Partial<Results['measures']> = {};
  for (const score of SCORES) {
    const matrix = accuracy[score];
    if (matrix !== undefined) measures[score] = measuresOf(matrix, measuredBy(tasks, score));
  }
  return { accuracy, measures: measures as Results['measures'] };
}

/** Differences that come of adding in another order. */
const ROUNDING = 1e-9;

/** Which measures of results do not follow from their matrices, in words; null if all do. */
export function measuresFault({ accuracy, measures, tasks }: Results): string | null {
  const { measures: right } = withMeasures(accuracy, tasks);
  for (const score of SCORES) {
    const [given, wanted] = [measures[score], right[score]];
    if ((given === undefined) !== (wanted === undefined)) return `accuracy and measures do not both have ${score}`;
    if (given === undefined || wanted === undefined) continue;
    for (const name of Object.keys(wanted) as (keyof Measures)[]) {
      if (!isAlike(given[name], wanted[name])) return `measures.${score}.${name} does not follow from its matrix`;
    }
  }
  return null;
}

type Measured = Measures[keyof Measures];

function isAlike(one: Measured, other: Measured): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, i) => isAlike(value, other[i]));
  if (typeof one !== 'number' || typeof other !== 'number') return one === other;
  return Math.abs(one - other) <= ROUNDING * Math.max(1, Math.abs(other));
}

/** Whether a test has been done, by any score. */
export const isTested = (accuracy: Results['accuracy'], round: number, task: number): boolean =>
  SCORES.some((score) => (accuracy[score]?.[round]?.[task] ?? null) !== null);

/** The matrix as if the run had ended after `rounds` tasks: rows 0..rounds, columns 1..rounds. */
export function firstRounds(matrix: AccuracyMatrix, rounds: number): AccuracyMatrix {
  return matrix.slice(0, rounds + 1).map((row) => row.slice(0, rounds));
}
