/** Milliseconds over which the rate is averaged. */
const WINDOW_MS = 5000;
/** Samples closer together count as one. */
const SAMPLE_MS = 250;

/** The recent transfer rate. */
export class TransferRate {
  readonly #now: () => number;
  #samples: { at: number; bytes: number }[] = [];

  /** @param now a clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param bytes all bytes so far; may drop after a restart. @returns bytes a second, null at first. */
  update(bytes: number): number | null {
    const at = this.#now();
    const last = this.#samples.at(-1);
    if (last !== undefined && bytes < last.bytes) this.#samples = [];
    const previous = this.#samples.at(-1);
    if (previous === undefined || at - previous.at >= SAMPLE_MS) this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - this.#samples[1].at >= WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    return at - first.at < SAMPLE_MS ? null : (1000 * (bytes - first.bytes)) / (at - first.at);
  }
}
