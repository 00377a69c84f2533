import type { Measures, Results } from './results.ts';

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

/**
 * The measures of docs/method.md, eq. (21), after GEM (Lopez-Paz & Ranzato 2017) for both transfers and after Chaudhry
 * et al. 2018 for forgetting, whose maximum here includes the last round, so that it is never negative.
 *
 * @param matrix (T+1)×T, fractions.
 * @returns null if an entry that the measure needs is missing, or, for measures between tasks, with a single task.
 */
export function measuresOf(matrix: AccuracyMatrix): Measures {
  const rounds = matrix.length - 1;
  const at = (t: number, j: number): number | null => matrix[t]?.[j - 1] ?? null;
  const tasks = Array.from({ length: Math.max(rounds, 0) }, (_, i) => i + 1);
  const earlier = tasks.slice(0, -1);
  const best = (j: number): number | null => {
    const measured = tasks.map((t) => at(t, j)).filter((value) => value !== null);
    return at(j, j) === null ? null : Math.max(...measured);
  };
  return {
    averagePerformance: mean(tasks.map((j) => at(rounds, j))),
    averagePerformanceCurve: tasks.map((t) => mean(tasks.slice(0, t).map((j) => at(t, j)))),
    backwardTransfer: mean(earlier.map((j) => difference(at(rounds, j), at(j, j)))),
    forgetting: mean(earlier.map((j) => difference(best(j), at(rounds, j)))),
    forwardTransfer: mean(tasks.slice(1).map((j) => difference(at(j - 1, j), at(0, j)))),
    justLearned: mean(tasks.map((j) => at(j, j))),
  };
}

/** The matrix as if the run had ended after `rounds` tasks: rows 0..rounds, columns 1..rounds. */
export function firstRounds(matrix: AccuracyMatrix, rounds: number): AccuracyMatrix {
  return matrix.slice(0, rounds + 1).map((row) => row.slice(0, rounds));
}
