import type { AccuracyMatrix } from '../../run/results/measures.ts';

/** The matrix before a run. */
export const UNMEASURED: AccuracyMatrix = [];

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

/** The cell that a key moves to in a grid of `rows` × `columns`; null for other keys. Movement stops at the edges. */
export function gridStep(
  key: string,
  [row, column]: readonly [number, number],
  rows: number,
  columns: number,
): [row: number, column: number] | null {
  switch (key) {
    case 'ArrowUp':
      return [Math.max(row - 1, 0), column];
    case 'ArrowDown':
      return [Math.min(row + 1, rows - 1), column];
    case 'ArrowLeft':
      return [row, Math.max(column - 1, 0)];
    case 'ArrowRight':
      return [row, Math.min(column + 1, columns - 1)];
    case 'Home':
      return [row, 0];
    case 'End':
      return [row, columns - 1];
    default:
      return null;
  }
}
