import { GorpError } from '../base/errors.ts';

/** So many losses within so many minutes are one too many: something is wrong that going on does not mend. */
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
      `${loss.message} It was the loss number ${MAX} within ${MINUTES} minutes.`,
      'Go on from the last checkpoint later: with a smaller batch, other programs that use the GPU closed, or on the CPU.',
      { cause: loss },
    );
  }
}
