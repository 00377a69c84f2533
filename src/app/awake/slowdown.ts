// Steps in sight whose pace is compared with; and the time out of sight that is enough to judge by, in milliseconds.
const STEPS_IN_SIGHT = 5;
const ENOUGH_HIDDEN = 10_000;
/** From so many times the usual time of a step on the browser is held to slow the page down. */
const SLOW = 2.5;

/**
 * Finds out whether the browser slows a run down while its tab is hidden: by the time between reports of steps, out of
 * sight and in sight. Times in milliseconds.
 */
export class SlowdownWatch {
  #isHidden = false;
  #last: number | undefined;
  #seen = { steps: 0, time: 0 };
  #hidden = { steps: 0, time: 0 };

  /** Told of the visibility, when it changes. */
  hide(isHidden: boolean): void {
    if (this.#isHidden === isHidden) return;
    this.#isHidden = isHidden;
    // The report that comes next is of steps from both times, unless the page stood still: that shows in how late it is.
    if (isHidden) {
      this.#hidden = { steps: 0, time: 0 };
      this.#last = undefined;
    }
  }

  /** Forgets when the last report came: after a pause, a test, or a change of what steps take. */
  rest(): void {
    this.#last = undefined;
    this.#hidden = { steps: 0, time: 0 };
  }

  /** A new task has texts of other lengths. */
  startRound(): void {
    this.rest();
    this.#seen = { steps: 0, time: 0 };
  }

  /** @returns how many times as long steps take while hidden, where that is known and much. */
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
