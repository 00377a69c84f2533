import type { QueuedRun } from './queue-state.ts';

/**
 * Seconds until the queue is done. Estimates are scaled by how long finished runs took relative to theirs; a run
 * without an estimate counts as the mean of the finished runs.
 *
 * @param runningLeft seconds left as the current run reports them; null if it does not know yet.
 * @returns null if the time of some remaining run is unknown.
 */
export function secondsUntilDone(runs: readonly QueuedRun[], runningLeft: number | null): number | null {
  const finished = runs.filter(({ status, seconds }) => status === 'finished' && seconds !== null);
  const rated = finished.filter(({ estimate }) => estimate !== null);
  const sum = (values: readonly (number | null)[]): number => values.reduce<number>((a, b) => a + (b ?? 0), 0);
  const taken = sum(rated.map(({ seconds }) => seconds));
  const estimated = sum(rated.map(({ estimate }) => estimate));
  const factor = estimated > 0 ? taken / estimated : 1;
  const mean = finished.length === 0 ? null : sum(finished.map(({ seconds }) => seconds)) / finished.length;
  let left = 0;
  for (const { status, estimate } of runs) {
    if (status !== 'waiting' && status !== 'running') continue;
    const whole = estimate === null ? mean : estimate * factor;
    const needs = status === 'running' ? (runningLeft ?? whole) : whole;
    if (needs === null) return null;
    left += needs;
  }
  return left;
}
