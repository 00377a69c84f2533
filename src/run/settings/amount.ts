import { type Round, scheduledRounds, testedBefore } from './schedule.ts';
import { epochsOf, type RunSettings } from './settings.ts';
import { planOf } from '../../methods/registry.ts';

/** Examples of a task that a run trains on and is tested on. */
interface TaskAmount {
  readonly name: string;
  readonly train: number;
  readonly test: number;
}

/** Examples that a run takes of those there are. @param asked 0 for all. */
export const takenOf = (asked: number, there: number): number => (asked === 0 ? there : Math.min(asked, there));

/** How often the loss on held-out examples has been measured after so many steps of a round. @param total of the round. */
export const measurementsAfter = (steps: number, total: number, every: number): number =>
  Math.floor(steps / every) + (steps === total && total % every !== 0 ? 1 : 0);

/** How much a run does. */
interface RunAmount {
  /** Optimizer steps of round 1, 2, …; 0 for rounds that are not run. */
  readonly steps: number[];
  /** Test examples before training and after each round, from round 0 on. */
  readonly tests: number[];
}

/**
 * Optimizer steps and tests of a run, round by round.
 *
 * @param tasks as {@link testedTasks} lists them.
 * @param packed where batches are packed by tokens: the steps of each round, or the examples of a task in a batch.
 */
export function amountOf(
  settings: Pick<RunSettings, 'method' | 'training' | 'perTask' | 'order' | 'model' | 'tasks'>,
  tasks: readonly TaskAmount[],
  packed?: readonly number[] | ((task: number) => number),
): RunAmount {
  const { batchSize, gradientAccumulation, testRounds } = settings.training;
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  const { length } = settings.order;
  const steps = Array.from({ length }, () => 0);
  const watched = sum(tasks.slice(length).map(({ test }) => test));
  const tests = [sum(testedBefore(length, testRounds).map((task) => tasks[task].test)) + watched, ...steps];
  for (const round of scheduledRounds(planOf(settings.method).schedule, length, testRounds)) {
    const learned = round.trains.map((task) => tasks[task]);
    const epochs = epochsOf(
      settings,
      learned.map(({ name }) => name),
    );
    const batches =
      typeof packed === 'function'
        ? Math.ceil(sum(round.trains.map((task) => tasks[task].train / packed(task))))
        : Math.ceil(sum(learned.map(({ train }) => train)) / batchSize);
    const counted = epochs * Math.ceil(batches / gradientAccumulation);
    steps[round.number - 1] = typeof packed === 'object' ? packed[round.number - 1] : counted;
    tests[round.number] = sum(round.tests.map((task) => tasks[task].test)) + (round.testsWatched ? watched : 0);
  }
  return { steps, tests };
}

/** The facts of a task that the time of a run depends on. */
export interface PlannedTask extends TaskAmount {
  /** Training examples that are held out. */
  readonly heldOut: number;
  /** Of a watched task, training examples that are read to protect what they use of the model. */
  readonly protects: number;
  /** Tokens of a prompt on average. */
  readonly promptTokens: number;
  /** The first of them, which all prompts of its tests share. */
  readonly shared: number;
  /** Nodes of the tree of its labels; 0 if answers are free. */
  readonly nodes: number;
  /** Tokens of the longest answer. */
  readonly answerTokens: number;
}

/** The rounds of a run, and the tasks tested before the first, with the watched tasks in all tests. */
export interface TestedRounds {
  readonly before: readonly number[];
  readonly rounds: readonly Round[];
}

/** @param tasks number of tasks, with those watched. */
export function roundsOf(settings: Pick<RunSettings, 'method' | 'order' | 'training'>, tasks: number): TestedRounds {
  const { method, order, training } = settings;
  const watched = Array.from({ length: tasks - order.length }, (_, i) => order.length + i);
  const rounds = scheduledRounds(planOf(method).schedule, order.length, training.testRounds);
  return {
    before: [...testedBefore(order.length, training.testRounds), ...watched],
    rounds: rounds.map((round) => ({ ...round, tests: [...round.tests, ...(round.testsWatched ? watched : [])] })),
  };
}
