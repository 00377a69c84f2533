import type { Schedule } from '../gorp/method-plan.ts';
import { type MethodSettings, planOf } from '../methods/registry.ts';

/** What a round is: the tasks it trains on and those it is tested on, both counted from 0. */
export interface Round {
  /** Row of the accuracy matrix: R[t] is the accuracy after tasks 1..t have been learned. */
  readonly number: number;
  readonly trains: readonly number[];
  readonly tests: readonly number[];
}

/**
 * The rounds of a run.
 *
 * - `in-turn`: round t trains task t, and tests the tasks seen and the next one, which forward transfer needs.
 * - `mixed`: a single round of all tasks, tested on all. It is round T, since all T tasks are learned after it; the
 *   rounds before it are not run.
 * - `apart`: round t trains task t, and tests nothing else: its adapter is not used for other tasks.
 */
export function scheduledRounds(schedule: Schedule, tasks: number): Round[] {
  const all = Array.from({ length: tasks }, (_, task) => task);
  if (schedule === 'mixed') return [{ number: tasks, trains: all, tests: all }];
  return all.map((task) => {
    const tests = schedule === 'apart' ? [task] : all.slice(0, task + 2);
    return { number: task + 1, trains: [task], tests };
  });
}

/** Settings that rounds depend on. */
export interface Scheduled {
  readonly order: readonly string[];
  readonly method: MethodSettings;
}

/** The name of what a round learns: its task, or `all tasks`. */
export const roundName = ({ order, method }: Scheduled, round: number): string =>
  planOf(method).schedule === 'mixed' ? 'all tasks' : (order[round - 1] ?? '');

/** The rounds that are run, by name. */
export const namedRounds = (settings: Scheduled): { round: number; name: string }[] =>
  scheduledRounds(planOf(settings.method).schedule, settings.order.length).map(({ number }) => ({
    round: number,
    name: roundName(settings, number),
  }));

/** The round in which a task, counted from 0, is learned. */
export const roundOf = ({ order, method }: Scheduled, task: number): number =>
  planOf(method).schedule === 'mixed' ? order.length : task + 1;
