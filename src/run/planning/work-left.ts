import type { Work } from '../../device/counting-device.ts';
import type { DataPosition } from '../files/layout.ts';
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
  /** The time of each kind of work so far. */
  readonly #paces = new Map<WorkKind, WorkPace>();
  /** Seconds of all work so far. */
  #clock = 0;
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
    this.#clock += seconds;
    const memory = Math.max(SHORTEST_MEMORY, this.#clock / 2);
    this.#paces.set(kind, withNext(this.#paces.get(kind), { amount, seconds }, memory));
    if (kind === 'save') return;
    this.#operations += amount;
    this.#seconds += seconds;
  }

  /** Counts planned work that will not be done. */
  dropped(kind: WorkKind, amount: number): void {
    this.#left[kind] = Math.max(0, this.#left[kind] - amount);
  }

  /** Planned work that is left turned out larger or smaller. */
  scaled(kind: WorkKind, factor: number): void {
    this.#left[kind] *= factor;
  }

  /** @param share of the time, from 0 to 1, that checkpoints will take. */
  pauses(share: number): void {
    this.#pauses = share;
  }

  /**
   * Null until some work has been seen; a kind not seen yet is assumed to be as fast as the others.
   *
   * @param begun work that has taken seconds so far and is not done yet.
   */
  timeLeft(begun?: Done & { readonly kind: WorkKind }): TimeLeft | null {
    const kinds = WORK_KINDS.filter((kind) => this.#left[kind] > 0);
    if (kinds.length > 0 && this.#operations === 0) return null;
    const left = { seconds: 0, least: 0, most: 0 };
    for (const kind of kinds) {
      const pace = this.#paces.get(kind);
      const usual = kind === 'save' ? SECONDS_PER_BYTE : this.#seconds / this.#operations;
      const each = pace === undefined ? usual : pace.seconds / pace.amount;
      const done = kind === begun?.kind ? Math.min(begun.amount, begun.seconds / each) : 0;
      const seconds = (Math.max(0, this.#left[kind] - done) * each) / (1 - this.#pauses);
      const doubt = pace === undefined ? UNSEEN : Math.exp(Math.max(LEAST_DOUBT, DEVIATION * pace.spread));
      left.seconds += seconds;
      left.least += seconds / doubt;
      left.most += seconds * doubt;
    }
    return left;
  }
}

/** Seconds of work left, as likely as not; and between which they are, most likely. */
export interface TimeLeft {
  readonly seconds: number;
  readonly least: number;
  readonly most: number;
}

/** Work and its seconds. */
interface Done {
  readonly amount: number;
  readonly seconds: number;
}

/**
 * The time of a kind of work, less of what is long ago; and the mean distance of a stretch's pace from it, as
 * logarithms.
 */
interface WorkPace extends Done {
  readonly count: number;
  readonly spread: number;
  /** Stretches that the spread comes from, and the one that has begun. */
  readonly stretches: number;
  readonly begun: Done;
}

/** The spread after a single observation, which may have compiled kernels; and the least doubt, after many. */
const [FIRST_DOUBT, LEAST_DOUBT] = [0.4, 0.15];
/** After how many seconds of work what came before counts a third, at least. It is half of what the run has worked so far: another program comes and goes. */
const SHORTEST_MEMORY = 20;
/** The standard deviation for each unit of the mean distance, if it is normal. */
const DEVIATION = Math.sqrt(Math.PI / 2);
/** By which factor work of a kind not seen yet may take more or less than others. */
const UNSEEN = 2.5;
/** A stretch as a share of the memory: within it steps of different lengths even out, other programs do not. */
const STRETCH = 0.02;

function withNext(known: WorkPace | undefined, next: Done, memory: number): WorkPace {
  if (known === undefined) {
    return { ...next, count: 1, spread: FIRST_DOUBT, stretches: 0, begun: { amount: 0, seconds: 0 } };
  }
  // The first may have compiled kernels.
  const isFaster = next.seconds * known.amount < known.seconds * next.amount;
  const pace = sumOf(known, known.count === 1 && isFaster ? 0 : Math.exp(-next.seconds / memory), next);
  const begun = sumOf(known.begun, 1, next);
  const count = known.count + 1;
  if (begun.seconds < STRETCH * memory) return { ...known, ...pace, count, begun };
  const stretches = known.stretches + 1;
  const weight = Math.max(begun.seconds / pace.seconds, 1 / (stretches + 1));
  const distance = Math.abs(Math.log((begun.seconds * pace.amount) / (begun.amount * pace.seconds)));
  const spread = (1 - weight) * known.spread + weight * distance;
  return { ...pace, count, spread, stretches, begun: { amount: 0, seconds: 0 } };
}

const sumOf = (before: Done, share: number, next: Done): Done => ({
  amount: share * before.amount + next.amount,
  seconds: share * before.seconds + next.seconds,
});

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

/** Returns the work that is left of a run at a place of it. */
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
