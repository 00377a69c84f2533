import type { Schedule } from '../../gorp/part/method-plan.ts';
import { type MethodSettings, planOf } from '../../methods/registry.ts';

/** A round: the tasks it trains on and those it is tested on, both counted from 0. */
export interface Round {
  /** Row of the accuracy matrix: R[t] is the accuracy after tasks 1..t have been learned. */
  readonly number: number;
  readonly trains: readonly number[];
  readonly tests: readonly number[];
  /** Whether it is also tested on the watched tasks. */
  readonly testsWatched: boolean;
}

/** After which rounds tasks are tested: every one, or each task's own and the last. */
type TestRounds = 'every' | 'ends';

/**
 * The rounds of a run.
 *
 * - `in-turn`: round t trains task t, and tests the tasks seen and the next one, which forward transfer needs.
 * - `mixed`: a single round of all tasks, tested on all. It is round T, since all T tasks are learned after it; the
 *   rounds before it are not run.
 * - `apart`: round t trains task t, and tests nothing else: its adapter is not used for other tasks.
 *
 * @param testRounds with `ends`, a round before the last tests its own task only, and no watched task.
 */
export function scheduledRounds(schedule: Schedule, tasks: number, testRounds: TestRounds = 'every'): Round[] {
  const all = Array.from({ length: tasks }, (_, task) => task);
  if (schedule === 'mixed') return [{ number: tasks, trains: all, tests: all, testsWatched: true }];
  return all.map((task) => {
    const round = { number: task + 1, trains: [task] };
    if (schedule === 'apart') return { ...round, tests: [task], testsWatched: true };
    if (testRounds === 'ends' && task < tasks - 1) return { ...round, tests: [task], testsWatched: false };
    return { ...round, tests: all.slice(0, task + 2), testsWatched: true };
  });
}

/**
 * The tasks of an order that are tested before training, counted from 0: what forward transfer is measured from.
 *
 * @param testRounds none with `ends`.
 */
export const testedBefore = (tasks: number, testRounds: TestRounds): number[] =>
  testRounds === 'ends' ? [] : Array.from({ length: tasks }, (_, task) => task);

/** Settings that rounds depend on. */
export interface Scheduled {
  readonly order: readonly string[];
  readonly method: MethodSettings;
}

/** The name of what a round learns: its task, or `all tasks`. */
export const roundName = ({ order, method }: Scheduled, round: number): string =>
  planOf(method).schedule === 'mixed' ? 'all tasks' : (order[round - 1] ?? '');

/** Tasks that a run is named after. */
const MOST_NAMED = 4;

/** Names the tasks that a run learns: `mails, chats`; of many tasks, the first and how many more. */
export const learnedName = ({ order }: Pick<Scheduled, 'order'>): string =>
  order.length <= MOST_NAMED + 1
    ? order.join(', ')
    : `${order.slice(0, MOST_NAMED).join(', ')} and ${order.length - MOST_NAMED} more`;

/** The rounds that are run, by name. */
export const namedRounds = (settings: Scheduled): { round: number; name: string }[] =>
  scheduledRounds(planOf(settings.method).schedule, settings.order.length).map(({ number }) => ({
    round: number,
    name: roundName(settings, number),
  }));

/** The round in which a task, counted from 0, is learned. */
export const roundOf = ({ order, method }: Scheduled, task: number): number =>
  planOf(method).schedule === 'mixed' ? order.length : task + 1;

/** How a learning rate changes over the steps of a task, by the names of transformers' `lr_scheduler_type`. */
export type RateSchedule = 'constant' | 'linear' | 'cosine';

/** The course of a learning rate over the steps of one task. */
interface RateCourse {
  readonly schedule: RateSchedule;
  /** Steps over which the rate rises from 0, linearly. */
  readonly warmup: number;
  readonly steps: number;
}

/** The settings of the course. At most one of the two warm-ups is above 0. */
interface RateSettings {
  readonly lrSchedulerType: RateSchedule;
  /** Share of the steps, as transformers' `warmup_ratio`: rounded up. */
  readonly warmupRatio: number;
  /** Number of steps, as transformers' `warmup_steps`. */
  readonly warmupSteps: number;
}

/** The course of the rates over a task of so many steps. */
export const rateCourse = ({ lrSchedulerType, warmupRatio, warmupSteps }: RateSettings, steps: number): RateCourse => ({
  schedule: lrSchedulerType,
  warmup: warmupSteps > 0 ? warmupSteps : Math.ceil(steps * warmupRatio),
  steps,
});

/**
 * The factor of the learning rates at a step, as `get_scheduler` of transformers 5 gives it: rising linearly from 0 over
 * the warm-up, then constant, falling linearly to 0, or along half a cosine.
 *
 * @param step from 0.
 */
export function rateFactor({ schedule, warmup, steps }: RateCourse, step: number): number {
  if (step < warmup) return step / Math.max(1, warmup);
  if (schedule === 'constant') return 1;
  const left = Math.max(1, steps - warmup);
  if (schedule === 'linear') return Math.max(0, (steps - step) / left);
  return Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (step - warmup)) / left)));
}
