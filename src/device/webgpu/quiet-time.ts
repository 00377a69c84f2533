// Milliseconds.
const SLICE = 50;

/**
 * Counts only the time in which a compiled kernel would have been noticed. Time in which this thread or the device is
 * busy does not count, since some devices report a compiled kernel only after earlier submits are done.
 */
export class QuietTime {
  #spent = 0;
  #isBusy = false;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Resolves when the allowed time is up; pending otherwise. */
  readonly over: Promise<'late'>;

  /**
   * Begins to count.
   *
   * @param limit allowed milliseconds.
   * @param whenIdle resolves when the device has finished everything submitted.
   */
  constructor(limit: number, whenIdle: () => Promise<unknown>) {
    let end: (value: 'late') => void;
    this.over = new Promise((resolve) => (end = resolve));
    const isIdle = (): void => {
      this.#isBusy = false;
    };
    // Missed ticks are not made up for, so a busy thread does not count.
    this.#timer = setInterval(() => {
      if (this.#isBusy) return;
      this.#spent += SLICE;
      if (this.#spent >= limit) end('late');
      this.#isBusy = true;
      whenIdle().then(isIdle, isIdle);
    }, SLICE);
  }

  /** Milliseconds so far, in steps of 50. */
  get spent(): number {
    return this.#spent;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
