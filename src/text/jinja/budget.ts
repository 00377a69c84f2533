/**
 * What one rendering may take. A template comes with the model and is not trusted: it could run for ever, or write
 * without end. Those of the largest published models have 30,000 characters and take a few thousand steps.
 */
const MAX_TEXT = 4_194_304;
const MAX_STEPS = 1_000_000;
const MAX_MILLISECONDS = 1000;
/** Milliseconds that steps between two looks at the clock count as, at most: the machine may have slept. */
const MAX_GAP = 200;
/** Letters of a text times those of one that is looked for in it: the search may compare all with all. */
const MAX_SEARCH = 2 ** 32;
/** Bounds ranges and widths. */
export const MAX_NUMBER = 100_000;
/** Levels of lists within lists. */
export const MAX_DEPTH = 100;

/** Counts the steps of a rendering, and bounds its time, texts, numbers and lists. All its methods throw an Error. */
export class Budget {
  #steps = 0;
  #taken = 0;
  #last = performance.now();

  /** Counts work that grows with a list or a nested value. */
  spend(steps = 1): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw new Error('it takes more than a million steps');
    const now = performance.now();
    this.#taken += Math.min(now - this.#last, MAX_GAP);
    this.#last = now;
    if (this.#taken > MAX_MILLISECONDS) throw new Error('it takes more than a second');
  }

  /** Checks the length of a text before it is made. */
  length(characters: number): void {
    if (characters > MAX_TEXT) throw new Error('its text is too long');
  }

  /** Checks the length of a text. */
  text(made: string): string {
    this.length(made.length);
    return made;
  }

  /** Checks the lengths of a text and of one that is looked for in it, before it is. */
  search(text: string, part: string): void {
    if (text.length * part.length > MAX_SEARCH) throw new Error('it looks for a long text in a long text');
  }

  /** Checks that a number is whole and not too large. */
  number(made: number): number {
    if (!Number.isSafeInteger(made)) throw new Error(`its number ${made} is not whole`);
    if (Math.abs(made) > MAX_NUMBER) throw new Error(`its number ${made} is too large`);
    return made;
  }

  /** Counts the entries of a list as steps. */
  list<T>(made: readonly T[]): readonly T[] {
    this.spend(made.length);
    return made;
  }
}
