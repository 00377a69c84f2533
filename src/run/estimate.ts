/** Estimates the time left from what steps and examples have cost so far. */
export class TimeEstimate {
  #stepsLeft: number;
  #examplesLeft: number;
  #stepSeconds: number | undefined;
  #exampleSeconds: number | undefined;

  /** @param stepsLeft optimizer steps and @param examplesLeft evaluated examples of the whole run. */
  constructor(stepsLeft: number, examplesLeft: number) {
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

  /** Null until each kind of work that is left has been seen. */
  get secondsLeft(): number | null {
    const part = (left: number, each: number | undefined): number => (left <= 0 ? 0 : left * (each ?? NaN));
    const total = part(this.#stepsLeft, this.#stepSeconds) + part(this.#examplesLeft, this.#exampleSeconds);
    return Number.isNaN(total) ? null : Math.max(0, total);
  }
}

const blend = (known: number | undefined, next: number): number =>
  known === undefined ? next : 0.7 * known + 0.3 * next;
