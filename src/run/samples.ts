/** At most `max` samples, evenly spread over a run of any length. */
export class EvenSamples<T> {
  readonly #max: number;
  #kept: T[] = [];
  #every = 1;
  #seen = 0;

  /** @param max even. */
  constructor(max: number) {
    this.#max = max;
  }

  add(one: T): void {
    if (this.#seen++ % this.#every !== 0) return;
    this.#kept.push(one);
    if (this.#kept.length < this.#max) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#every *= 2;
  }

  /** Continues from the state of another. */
  takeUp(kept: readonly T[], { every, seen }: { every: number; seen: number }): void {
    this.#kept = kept.slice();
    this.#every = every;
    this.#seen = seen;
  }

  /** The sampling state: takes every n-th, and how many were seen. */
  get sampling(): { every: number; seen: number } {
    return { every: this.#every, seen: this.#seen };
  }

  /** The samples, in order. */
  get kept(): readonly T[] {
    return this.#kept;
  }
}
