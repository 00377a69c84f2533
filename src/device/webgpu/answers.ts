// Milliseconds between two empty submits.
const NUDGE = 8;

/**
 * Hears of what the device has done as soon as it has done it. Firefox looks only every 100 ms, and at every submit: while
 * somebody waits for an answer, empty ones are submitted.
 */
export class Answers {
  readonly #queue: Pick<GPUQueue, 'submit'>;
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(queue: Pick<GPUQueue, 'submit'>) {
    this.#queue = queue;
  }

  /** The same answer, in time. */
  async of<T>(answer: Promise<T>): Promise<T> {
    this.#waiting++;
    this.#timer ??= setInterval(() => this.#queue.submit([]), NUDGE);
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
