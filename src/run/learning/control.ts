import { GorpError } from '../../base/errors.ts';

/** Thrown inside a run when the user stops it: not a failure. */
export class Stopped extends GorpError {
  constructor() {
    super('run/stopped', 'The run was stopped.', 'Start a new run; results so far can be downloaded.');
  }
}

/** The calls of a run at a place where it may pause or stop. */
interface PauseHooks {
  /** Finishes pending work before the clock stops or the run ends. */
  readonly settle?: () => Promise<void>;
  /** Called when the run begins and ends to wait. */
  readonly onPause: (paused: boolean) => void;
  /** Rejects with the error that ends a waiting run: the loss of its device. */
  readonly broken?: Promise<never> | undefined;
}

/** Where a run can be asked to pause: after its next optimizer step, or when its round has ended. */
export type Milestone = 'step' | 'round';

/** Pause, resume and stop from outside; counts seconds of work without pauses. */
export class RunControl {
  readonly #now: () => number;
  #stopped = false;
  #isEnding = false;
  #until: Milestone | undefined;
  #paused: { promise: Promise<void>; resume: () => void } | undefined;
  #startedAt: number;
  #pausedFor = 0;
  #waitingSince: number | undefined;
  #interruption = new AbortController();
  readonly #stop = new AbortController();

  /** @param now a clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  pause(): void {
    this.#until = undefined;
    if (!this.#isEnding) this.hold();
  }

  /** Pauses even while the round is being ended, for something that only a person can do. */
  hold(): void {
    if (this.#paused || this.#stopped) return;
    let resume = (): void => undefined;
    const promise = new Promise<void>((resolve) => (resume = resolve));
    this.#paused = { promise, resume };
    this.#interruption.abort();
  }

  resume(): void {
    this.#until = undefined;
    this.#paused?.resume();
    this.#paused = undefined;
  }

  /** Resumes a waiting run, and pauses it at the next such milestone. */
  continueTo(milestone: Milestone): void {
    this.resume();
    this.#until = milestone;
  }

  /** Called by the run at a milestone. */
  reached(milestone: Milestone): void {
    if (this.#until === milestone) this.pause();
  }

  /** Asks the run to end its round now, with what it has learned, and then to stop. */
  endRound(): void {
    this.#isEnding = true;
    this.resume();
  }

  /** Whether {@link stop} was called. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Whether {@link endRound} was called. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  stop(): void {
    this.#stopped = true;
    this.#stop.abort();
    this.resume();
    this.#interruption.abort();
  }

  /** Aborts at the next pause or stop, at once while paused: for work that is interrupted and resumed. */
  interruption(): AbortSignal {
    if (!this.#paused && !this.#stopped) this.#interruption = new AbortController();
    return this.#interruption.signal;
  }

  /** Aborts when the run is stopped: for work that is then abandoned. */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  /**
   * Waits for work that may take longer than somebody who pressed Stop should wait. The work continues unless it
   * observes {@link stopSignal}, but its outcome is ignored.
   *
   * @throws Stopped as soon as the run is stopped, and what the work throws.
   */
  async untilStopped<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    let onStop = (): void => undefined;
    const stopped = new Promise<never>((_, reject) => {
      onStop = () => reject(new Stopped());
      if (signal.aborted) onStop();
      else signal.addEventListener('abort', onStop);
    });
    try {
      return await Promise.race([stopped, work]);
    } finally {
      signal.removeEventListener('abort', onStop);
    }
  }

  /** @throws Stopped as soon as the run is stopped. */
  sleep(milliseconds: number): Promise<void> {
    return this.untilStopped(new Promise((resolve) => setTimeout(resolve, milliseconds)));
  }

  /** Whether the run is to wait or stop at the next place where it can. */
  get isHeldUp(): boolean {
    return this.#paused !== undefined || this.#stopped;
  }

  /** Seconds of work since the start, not counting waits. */
  get seconds(): number {
    return ((this.#waitingSince ?? this.#now()) - this.#startedAt - this.#pausedFor) / 1000;
  }

  /** Sets {@link seconds}: a run that resumes has worked before. */
  setSeconds(seconds: number): void {
    this.#startedAt += (this.seconds - seconds) * 1000;
  }

  /**
   * A place where the run may pause or stop: waits while paused.
   *
   * @throws Stopped, and whatever {@link PauseHooks.settle} and {@link PauseHooks.broken} throw.
   */
  async waitWhilePaused({ settle, onPause, broken }: PauseHooks): Promise<void> {
    if (settle && (this.#paused || this.#stopped)) await settle();
    if (this.#paused) {
      const { promise } = this.#paused; // the listener may resume at once
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

/** A part of some work that is done. The work waits until somebody lets it proceed or abandons it. */
interface Report<Part> {
  readonly part: Part;
  readonly proceed: () => void;
  readonly abandon: (reason: unknown) => void;
}

/**
 * Work that reports its parts by a callback, as a generator of these parts. The work waits at every report until the
 * next part is asked for. If the generator is closed there, the report throws {@link Stopped}, and the generator ends
 * when the work has unwound.
 *
 * @returns what the work returns.
 * @throws what the work throws.
 */
export async function* reported<Part, Result>(
  work: (report: (part: Part) => Promise<void>) => Promise<Result>,
): AsyncGenerator<Part, Result, void> {
  let tell: (report: Report<Part>) => void = () => undefined;
  const nextReport = (): Promise<Report<Part>> => new Promise((resolve) => (tell = resolve));
  let told = nextReport();
  const ended = work((part) => new Promise((proceed, abandon) => tell({ part, proceed, abandon }))).then((result) => ({
    result,
  }));
  ended.catch(() => undefined); // the race below throws it
  let open: Report<Part> | undefined;
  try {
    for (;;) {
      const next = await Promise.race([told, ended]);
      if ('result' in next) return next.result;
      open = next;
      told = nextReport();
      yield open.part;
      open.proceed();
      open = undefined;
    }
  } finally {
    open?.abandon(new Stopped());
    await ended.catch(() => undefined);
  }
}
