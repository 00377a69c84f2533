// Minimum number of steps while visible, and minimum milliseconds while hidden, before a verdict.
const STEPS_IN_SIGHT = 5;
const ENOUGH_HIDDEN = 10_000;
/** The browser counts as slowing the page once steps take this many times as long. */
const SLOW = 2.5;

/**
 * Detects whether the browser slows a run while its tab is hidden, by comparing the time between step reports while
 * hidden and while visible. Times in milliseconds.
 */
export class SlowdownWatch {
  #isHidden = false;
  #last: number | undefined;
  #seen = { steps: 0, time: 0 };
  #hidden = { steps: 0, time: 0 };

  /** Call when the visibility changes. */
  hide(isHidden: boolean): void {
    if (this.#isHidden === isHidden) return;
    this.#isHidden = isHidden;
    // The next report mixes steps from before and after hiding, so its time must not count.
    if (isHidden) {
      this.#hidden = { steps: 0, time: 0 };
      this.#last = undefined;
    }
  }

  /** Forgets when the last report came: after a pause, a test, or a change in the duration of steps. */
  rest(): void {
    this.#last = undefined;
    this.#hidden = { steps: 0, time: 0 };
  }

  /** Starts the comparison again: a new task has texts of other lengths. */
  startRound(): void {
    this.rest();
    this.#seen = { steps: 0, time: 0 };
  }

  /** @returns how many times as long steps take while hidden; null if unknown or below {@link SLOW}. */
  report(steps: number, now: number): number | null {
    const last = this.#last;
    this.#last = now;
    if (last === undefined) return null;
    const into = this.#isHidden ? this.#hidden : this.#seen;
    into.steps += steps;
    into.time += now - last;
    if (this.#hidden.time < ENOUGH_HIDDEN || this.#seen.steps < STEPS_IN_SIGHT) return null;
    const times = this.#hidden.time / this.#hidden.steps / (this.#seen.time / this.#seen.steps);
    return times >= SLOW ? times : null;
  }
}
