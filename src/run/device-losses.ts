import { GorpError } from '../base/errors.ts';

/** This many losses in this many minutes end the run: resuming does not fix the cause. */
const MAX = 3;
const MINUTES = 10;

/** The losses of a run's devices. */
export class DeviceLosses {
  readonly #now: () => number;
  #times: number[] = [];

  /** @param now a clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Counts a loss.
   *
   * @throws GorpError `device/lost` when it is one too many.
   */
  add(loss: GorpError): void {
    const now = this.#now();
    this.#times = [...this.#times.filter((time) => now - time < MINUTES * 60_000), now];
    if (this.#times.length < MAX) return;
    throw new GorpError(
      loss.code,
      `${loss.message} This happened ${MAX} times within ${MINUTES} minutes.`,
      'Close other programs that use the GPU, and resume from the last checkpoint; or use a smaller batch, or the CPU.',
      { cause: loss },
    );
  }
}
