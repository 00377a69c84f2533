// Milliseconds between two empty submits.
const NUDGE = 8;

/**
 * Hears of what the device has done as soon as it has done it. Firefox looks only every 100 ms, and at every submit: while
 * somebody waits for an answer, empty ones are submitted.
 */
export class Answers {
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly queue: Pick<GPUQueue, 'submit'>) {}

  /** The same answer, in time. */
  async of<T>(answer: Promise<T>): Promise<T> {
    this.#waiting++;
    this.#timer ??= setInterval(() => this.queue.submit([]), NUDGE);
    try {
      return await answer;
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    }
  }
}
