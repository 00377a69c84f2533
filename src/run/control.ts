import { GorpError } from '../base/errors.ts';

/** Thrown inside a run when the person stops it: not a failure. */
export class Stopped extends GorpError {
  constructor() {
    super('run/stopped', 'The run was stopped.', 'Start a new run; results up to here can be downloaded.');
  }
}

/** What a run does at a place where it may be held up. */
export interface HoldUp {
  /** Brings what is still under way to its end, before the clock stops or the run ends. */
  readonly settle?: () => Promise<void>;
  /** Told when the run begins and ends to wait. */
  readonly onPause: (paused: boolean) => void;
  /** Rejects with what ends a waiting run: the loss of its device. */
  readonly broken?: Promise<never> | undefined;
}

/** Pause, resume and stop from outside; seconds of work without the pauses. */
export class RunControl {
  readonly #now: () => number;
  #stopped = false;
  #paused: { promise: Promise<void>; resume: () => void } | undefined;
  #startedAt: number;
  #pausedFor = 0;
  #waitingSince: number | undefined;
  #interruption = new AbortController();

  /** @param now a clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  pause(): void {
    if (this.#paused || this.#stopped) return;
    let resume = (): void => undefined;
    const promise = new Promise<void>((resolve) => (resume = resolve));
    this.#paused = { promise, resume };
    this.#interruption.abort();
  }

  resume(): void {
    this.#paused?.resume();
    this.#paused = undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.resume();
    this.#interruption.abort();
  }

  /** Ends with the next pause or stop, at once while paused: for work that is broken off then and taken up again. */
  interruption(): AbortSignal {
    if (!this.#paused && !this.#stopped) this.#interruption = new AbortController();
    return this.#interruption.signal;
  }

  /** Seconds of work since the start. They stand still while the run waits. */
  get seconds(): number {
    return ((this.#waitingSince ?? this.#now()) - this.#startedAt - this.#pausedFor) / 1000;
  }

  /**
   * A place where the run may be held up: waits while paused.
   *
   * @throws Stopped, and whatever {@link HoldUp.settle} and {@link HoldUp.broken} throw.
   */
  async checkpoint({ settle, onPause, broken }: HoldUp): Promise<void> {
    if (settle && (this.#paused || this.#stopped)) await settle();
    if (this.#paused) {
      const { promise } = this.#paused; // whoever is told may resume at once
      const began = this.#now();
      this.#waitingSince = began;
      onPause(true);
      try {
        await Promise.race([promise, ...(broken ? [broken] : [])]);
      } finally {
        this.#waitingSince = undefined;
        this.#pausedFor += this.#now() - began;
      }
      if (!this.#stopped) onPause(false);
    }
    if (this.#stopped) throw new Stopped();
  }
}
