import type { Work } from '../../device/counting-device.ts';
import type { DataPosition } from '../files/data-position.ts';
import { measurementsAfter, type TestedRounds } from '../settings/amount.ts';
import type { RunCosts } from './duration.ts';
import type { Amounts } from './estimate.ts';

/** A run as it is planned. */
export interface PlannedRun extends TestedRounds {
  readonly costs: RunCosts;
  /** Optimizer steps of round 1, 2, …, and test examples of each task. */
  readonly steps: readonly number[];
  /** Steps between two measurements of the loss on held-out examples. */
  readonly validationSteps: number;
  readonly examples: readonly number[];
  /** Bytes that the state after a round takes on disk, at most; 0 if rounds are not saved. */
  readonly stateBytes: number;
}

/** What is left of a run at a place of it. */
export function workLeft(
  place: DataPosition,
  { before, rounds, costs, steps, validationSteps, examples, stateBytes }: PlannedRun,
): Amounts {
  const { round: now, phase } = place;
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const operations = (work: Work | undefined): number => work?.operations ?? 0;
  const testing = (tasks: readonly number[]): number =>
    sum(tasks.map((task) => examples[task] * operations(costs.tests[task])));
  const later = rounds.filter(({ number }) => number > now);
  const learning = rounds.filter(({ number }) => number === now && phase === 'learn');
  const toEnd = [...learning, ...later];
  const toTest = [...rounds.filter(({ number }) => number === now && phase !== 'begin'), ...later];
  // A round saved by another run is tested at most on one task that it lacks: a negligible cost.
  const first = phase === 'begin' && now === 0 ? testing(before) : 0;
  const tested = testing(place.tests.map(({ task }) => task));
  return {
    test: Math.max(0, first + sum(toTest.map(({ tests }) => testing(tests))) - tested),
    ask:
      (Number(phase === 'begin' && now === 0) + toTest.filter(({ testsWatched }) => testsWatched).length) *
      operations(costs.questions),
    text: toTest.length * operations(costs.generalText),
    begin: sum(later.map(({ number }) => operations(costs.begins[number - 1]))),
    train: sum(
      toEnd.map(({ number }) => {
        const left = steps[number - 1] - (number === now ? place.steps : 0);
        return left * operations(costs.steps[number - 1]);
      }),
    ),
    validate: sum(
      toEnd.map(({ number }) => {
        const total = steps[number - 1];
        const after = (done: number): number => measurementsAfter(done, total, validationSteps);
        return (after(total) - (number === now ? after(place.steps) : 0)) * operations(costs.validations[number - 1]);
      }),
    ),
    end: sum(toEnd.map(({ number }) => operations(costs.ends[number - 1]))),
    save: toTest.length * stateBytes,
  };
}
