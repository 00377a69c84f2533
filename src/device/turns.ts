import { nextTurn } from '../base/next-turn.ts';

/** Milliseconds of work after which other tasks of the thread get a turn: messages to pause or stop, for instance. */
const TURN = 20;

/**
 * Does pieces of work in the order in which they are asked for. Work is done at once where nothing is under way; long
 * work lets other tasks of the thread have turns, and what is asked for meanwhile waits.
 */
export class Turns {
  #last: Promise<void> | undefined;
  #since = 0;

  /** Whether work is under way. */
  get isBusy(): boolean {
    return this.#last !== undefined;
  }

  /** Does something short. */
  then(action: () => void): void {
    if (this.#last === undefined) action();
    else void this.follow(() => Promise.resolve(action()));
  }

  /**
   * Does something long.
   *
   * @param pieces may be left for a turn after each.
   * @returns rejects with what a piece throws.
   */
  work(pieces: Iterator<void>): Promise<void> {
    return this.follow(() => this.#doPieces(pieces));
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#last !== undefined) await this.#last;
  }

  /** Does something that takes its own turns. It begins at once where nothing is under way. @returns as {@link work}. */
  follow(work: () => Promise<void>): Promise<void> {
    const done = (this.#last === undefined ? work() : this.#last.then(work)).finally(() => {
      if (this.#last === last) this.#last = undefined;
    });
    const last = done.catch(() => undefined); // reported to whoever asked for it
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
