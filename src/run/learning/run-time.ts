import type { RunEvent } from '../events/events.ts';
import type { DataPosition } from '../files/layout.ts';
import { costsOf, type Effort, type RunCosts } from '../planning/duration.ts';
import { TimeEstimate, type TimeLeft, type WorkKind, workLeft } from '../planning/work-left.ts';
import { amountOf, measurementsAfter, type PlannedTask, roundsOf } from '../settings/amount.ts';
import type { RunSettings } from '../settings/settings.ts';
import type { RunControl } from './control.ts';

type Progress = Extract<RunEvent, { type: 'progress' }>;

/** The clock of a run: its seconds of work, those of the round's training, and those that are left. */
export class RunTime {
  readonly #control: Pick<RunControl, 'seconds'>;
  readonly #costs: RunCosts;
  readonly #estimate: TimeEstimate;
  readonly #validationSteps: number;
  /** The beginning or the end of a task, while it is worked on. */
  #begun: { readonly kind: 'begin' | 'end'; readonly amount: number; readonly since: number } | undefined;
  /** Which share of the questions is asked after a round. */
  #asked = 1;
  /** The seconds of training in a round are counted up to here. */
  #learningSince = 0;
  /** Optimizer steps of round 1, 2, …: those that were done, or will be; 0 for rounds that are not run. */
  readonly steps: readonly number[];

  /**
   * @param tasks of the run, with those watched.
   * @param at the place where the run begins or resumes.
   * @param learned the round of each step so far, by whatever settings it was done.
   * @param packed the steps of each round, if batches are packed by tokens.
   * @param stateBytes that the state after a round takes on disk; 0 if rounds are not saved.
   */
  constructor(
    control: Pick<RunControl, 'seconds'>,
    settings: RunSettings,
    tasks: readonly PlannedTask[],
    {
      at,
      learned,
      effort,
      packed,
      stateBytes,
    }: {
      at: DataPosition;
      learned: readonly number[];
      effort: Effort;
      packed: readonly number[] | undefined;
      stateBytes: number;
    },
  ) {
    this.#control = control;
    this.#validationSteps = settings.training.validationSteps;
    this.#costs = costsOf(settings, tasks, effort);
    const isDone = (round: number): boolean => round < at.round || (round === at.round && at.phase === 'begin');
    this.steps = amountOf(settings, tasks, packed).steps.map((planned, i) =>
      isDone(i + 1) ? learned.filter((round) => round === i + 1).length : planned,
    );
    this.#estimate = new TimeEstimate(
      workLeft(at, {
        ...roundsOf(settings, tasks.length),
        costs: this.#costs,
        steps: this.steps,
        validationSteps: settings.training.validationSteps,
        examples: tasks.map(({ test }) => test),
        stateBytes,
      }),
    );
  }

  /** Seconds of work so far, without pauses. */
  get seconds(): number {
    return this.#control.seconds;
  }

  /** The work left; null until some work has been seen. */
  get timeLeft(): TimeLeft | null {
    const begun = this.#begun;
    return this.#estimate.timeLeft(begun && { ...begun, seconds: this.seconds - begun.since });
  }

  /**
   * Counts work that was done, for the estimate of what is left.
   *
   * @param index of the round from 1, or of the tested task from 0.
   * @param count steps, examples or bytes; a beginning, an end and a validation count once, and so do all questions
   *   that are asked at once.
   */
  did(kind: WorkKind, index: number, count: number, seconds: number): void {
    const { begins, steps, validations, ends, tests, questions, generalText } = this.#costs;
    const operations = {
      begin: () => begins[index - 1].operations,
      train: () => steps[index - 1].operations,
      validate: () => validations[index - 1].operations,
      end: () => ends[index - 1].operations,
      test: () => tests[index].operations,
      ask: () => (index === 0 ? 1 : this.#asked) * questions.operations,
      text: () => (index === 0 ? 0 : generalText.operations), // what comes before training is not planned
      save: () => 1, // it is planned in bytes
    }[kind]();
    this.#estimate.did(kind, count * operations, seconds);
  }

  /** Only this share of the questions of common knowledge is asked after rounds: what was right before training. */
  asks(share: number): void {
    if (share === this.#asked) return;
    this.#estimate.scaled('ask', share / this.#asked);
    this.#asked = share;
  }

  /** A round ends after this many of its steps: the others, and the validations after them, are not to be done. */
  endsAfter(round: number, steps: number): void {
    const total = this.steps[round - 1];
    const validations = (done: number): number => measurementsAfter(done, total, this.#validationSteps);
    this.#estimate.dropped('train', (total - steps) * this.#costs.steps[round - 1].operations);
    const left = validations(total) - validations(steps);
    this.#estimate.dropped('validate', left * this.#costs.validations[round - 1].operations);
  }

  /** Does work of a kind, and counts its seconds. */
  async *timed<Yielded, Result>(
    kind: 'begin' | 'end',
    round: number,
    work: AsyncGenerator<Yielded, Result, void>,
  ): AsyncGenerator<Yielded, Result, void> {
    const since = this.seconds;
    const { begins, ends } = this.#costs;
    this.#begun = { kind, amount: (kind === 'begin' ? begins : ends)[round - 1].operations, since };
    const result = yield* work;
    this.#begun = undefined;
    this.did(kind, round, 1, this.seconds - since);
    return result;
  }

  /** @param share of the time, from 0 to 1, that checkpoints will take. */
  pauses(share: number): void {
    this.#estimate.pauses(share);
  }

  /** From now on, seconds count as training. */
  startLearning(): void {
    this.#learningSince = this.seconds;
  }

  /** Adds the seconds since the last call, or since {@link startLearning}, to those of the round's training. */
  countLearning(at: DataPosition): void {
    const now = this.seconds;
    at.seconds += now - this.#learningSince;
    this.#learningSince = now;
  }

  /** An event that tells how far the run is, with its time. */
  progress(
    round: number,
    phase: Progress['phase'],
    item: string,
    [done, total, unit]: readonly [done: number, total: number, unit: Progress['unit']],
  ): Progress {
    const { seconds, timeLeft } = this;
    return { type: 'progress', phase, round, item, done, total, unit, seconds, timeLeft };
  }
}
