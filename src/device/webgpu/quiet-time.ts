// Milliseconds.
const SLICE = 50;

/**
 * Counts only the time in which a ready kernel would have been noticed: not while this thread is busy, nor while the
 * device is, since some devices report a compiled kernel only after earlier submits are done.
 */
export class QuietTime {
  #spent = 0;
  #isBusy = false;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Resolves when the allowed time is spent; pending otherwise. */
  readonly over: Promise<'late'>;

  /**
   * Begins to count.
   *
   * @param limit milliseconds that are allowed.
   * @param whenIdle resolves when the device has done what was submitted.
   */
  constructor(limit: number, whenIdle: () => Promise<unknown>) {
    let end: (value: 'late') => void;
    this.over = new Promise((resolve) => (end = resolve));
    const isIdle = (): void => {
      this.#isBusy = false;
    };
    // Missed ticks do not come later.
    this.#timer = setInterval(() => {
      if (this.#isBusy) return;
      this.#spent += SLICE;
      if (this.#spent >= limit) end('late');
      this.#isBusy = true;
      whenIdle().then(isIdle, isIdle);
    }, SLICE);
  }

  /** Milliseconds so far, to a twentieth of a second. */
  get spent(): number {
    return this.#spent;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
