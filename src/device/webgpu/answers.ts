// Milliseconds between two empty submits.
const NUDGE = 8;

/**
 * Delivers the device's answers promptly. Firefox polls only every 100 ms and at every submit, so this submits empty
 * work while somebody waits for an answer.
 */
export class Answers {
  readonly #queue: Pick<GPUQueue, 'submit'>;
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(queue: Pick<GPUQueue, 'submit'>) {
    this.#queue = queue;
  }

  /** The same answer, promptly. */
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
