/** At most `most` of what comes, evenly spread over all of it, however much that gets: for a record of a long run. */
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

  /** Goes on as another did that kept these of those it had seen. */
  takeUp(kept: readonly T[], { every, seen }: { every: number; seen: number }): void {
    this.#kept = kept.slice();
    this.#every = every;
    this.#seen = seen;
  }

  /** How it takes samples: each so many, and how many have come. */
  get sampling(): { every: number; seen: number } {
    return { every: this.#every, seen: this.#seen };
  }

  /** What is kept, in order. */
  get kept(): readonly T[] {
    return this.#kept;
  }
}
