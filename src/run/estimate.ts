/** Steps that the spaces of a task take, until the first have been built. */
const SPACE_STEPS = 4;

/** Estimates the time left from what steps and examples have cost so far. */
export class TimeEstimate {
  #stepsLeft: number;
  #examplesLeft: number;
  #spacesLeft: number;
  #stepSeconds: number | undefined;
  #exampleSeconds: number | undefined;
  #spaceSeconds: number | undefined;

  /**
   * @param stepsLeft optimizer steps of the whole run, @param examplesLeft evaluated examples, @param spacesLeft tasks
   *   whose spaces are yet to be built.
   */
  constructor(stepsLeft: number, examplesLeft: number, spacesLeft = 0) {
    this.#spacesLeft = spacesLeft;
    this.#stepsLeft = stepsLeft;
    this.#examplesLeft = examplesLeft;
  }

  /** Seconds of one step, averaged with more weight on recent ones; undefined before the first. */
  get stepSeconds(): number | undefined {
    return this.#stepSeconds;
  }

  didSteps(count: number, seconds: number): void {
    this.#stepsLeft -= count;
    this.#stepSeconds = blend(this.#stepSeconds, seconds / count);
  }

  didExamples(count: number, seconds: number): void {
    this.#examplesLeft -= count;
    this.#exampleSeconds = blend(this.#exampleSeconds, seconds / count);
  }

  /** @param seconds of building the spaces of a task, and of its beginning. */
  didSpace(seconds: number): void {
    this.#spacesLeft--;
    this.#spaceSeconds = blend(this.#spaceSeconds, seconds);
  }

  /** Null until each kind of work that is left has been seen. */
  get secondsLeft(): number | null {
    const part = (left: number, each: number | undefined): number => (left <= 0 ? 0 : left * (each ?? NaN));
    const space = this.#spaceSeconds ?? SPACE_STEPS * (this.#stepSeconds ?? NaN);
    const total =
      part(this.#stepsLeft, this.#stepSeconds) +
      part(this.#examplesLeft, this.#exampleSeconds) +
      part(this.#spacesLeft, space);
    return Number.isNaN(total) ? null : Math.max(0, total);
  }
}

const blend = (known: number | undefined, next: number): number =>
  known === undefined ? next : 0.7 * known + 0.3 * next;
