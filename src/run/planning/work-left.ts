import type { Work } from '../../device/counting-device.ts';
import type { DataPosition } from '../files/data-position.ts';
import { measurementsAfter, type TestedRounds } from '../settings/amount.ts';
import type { RunCosts } from './duration.ts';

/** Kinds of work that cost differently for each planned operation. */
const WORK_KINDS = ['test', 'ask', 'text', 'begin', 'train', 'validate', 'end', 'save'] as const;
export type WorkKind = (typeof WORK_KINDS)[number];

/** Planned operations by kind; bytes to be written of `save`. */
export type Amounts = Readonly<Record<WorkKind, number>>;

/** Seconds that a saved byte takes until one has been saved. */
const SECONDS_PER_BYTE = 1 / 150e6;

/** Estimates the time left from planned operations and what each kind of them has taken so far. */
export class TimeEstimate {
  readonly #left: Record<WorkKind, number>;
  /** Seconds for each operation, with more weight on recent ones. */
  readonly #paces = new Map<WorkKind, number>();
  /** Operations and seconds so far of all kinds but `save`. */
  #operations = 0;
  #seconds = 0;
  /** Share of the time that checkpoints take. */
  #pauses = 0;

  /** @param left of the whole run. */
  constructor(left: Amounts) {
    this.#left = { ...left };
  }

  /** Counts work that was done. @param amount planned for it. */
  did(kind: WorkKind, amount: number, seconds: number): void {
    this.dropped(kind, amount);
    if (amount <= 0) return;
    this.#paces.set(kind, blend(this.#paces.get(kind), seconds / amount));
    if (kind === 'save') return;
    this.#operations += amount;
    this.#seconds += seconds;
  }

  /** Counts planned work that will not be done. */
  dropped(kind: WorkKind, amount: number): void {
    this.#left[kind] = Math.max(0, this.#left[kind] - amount);
  }

  /** @param share of the time, from 0 to 1, that checkpoints will take. */
  pauses(share: number): void {
    this.#pauses = share;
  }

  /** Null until some work has been seen; a kind not seen yet is assumed to be as fast as the others. */
  get secondsLeft(): number | null {
    if (WORK_KINDS.every((kind) => this.#left[kind] === 0)) return 0;
    if (this.#operations === 0) return null;
    const usual = this.#seconds / this.#operations;
    const paceOf = (kind: WorkKind): number => this.#paces.get(kind) ?? (kind === 'save' ? SECONDS_PER_BYTE : usual);
    const working = WORK_KINDS.reduce((sum, kind) => sum + this.#left[kind] * paceOf(kind), 0);
    return working / (1 - this.#pauses);
  }
}

const blend = (known: number | undefined, next: number): number =>
  known === undefined ? next : 0.7 * known + 0.3 * next;

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
