import { nextTurn } from '../base/next-turn.ts';

/**
 * Milliseconds of work before other tasks of the thread, such as messages to pause or stop, get a turn. A turn takes 0.1 to
 * 0.4 ms, in which the other threads wait too.
 */
const TURN = 50;

/**
 * Does work in call order. Starts at once if idle. Long work gives turns to the thread's other tasks; work requested
 * meanwhile waits.
 */
export class Turns {
  #last: Promise<void> | undefined;
  #since = 0;

  /** Whether work is in progress. */
  get isBusy(): boolean {
    return this.#last !== undefined;
  }

  /** Does short work. */
  then(action: () => void): void {
    if (this.#last === undefined) action();
    else void this.follow(() => Promise.resolve(action()));
  }

  /**
   * Does long work.
   *
   * @param pieces of the work; other tasks may get a turn after each.
   * @returns rejects with whatever a piece throws.
   */
  work(pieces: Iterator<void>): Promise<void> {
    return this.follow(() => this.#doPieces(pieces));
  }

  /** Resolves when idle. */
  async idle(): Promise<void> {
    while (this.#last !== undefined) await this.#last;
  }

  /** Does work that takes its own turns. Starts at once if idle. @returns as {@link work}. */
  follow(work: () => Promise<void>): Promise<void> {
    const done = (this.#last === undefined ? work() : this.#last.then(work)).finally(() => {
      if (this.#last === last) this.#last = undefined;
    });
    const last = done.catch(() => undefined); // reported to its caller
    this.#last = last;
    return done;
  }

  async #doPieces(pieces: Iterator<void>): Promise<void> {
    for (;;) {
      if (pieces.next().done === true) return;
      if (performance.now() - this.#since > TURN) {
        await nextTurn();
        this.#since = performance.now();
      }
    }
  }
}
