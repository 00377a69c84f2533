/** What a storm is told. */
export interface StormOptions {
  /** How many blows; each storm has its own number for a whole one. */
  readonly count: number;
  /** Draws the blows: the same seed draws the same. */
  readonly random: () => number;
  /** Tells how it goes on. */
  readonly note: (text: string) => void;
}

/** What came of it. */
export interface Outcome {
  /** What was measured, as the table tells it. */
  readonly figures: string;
  /** What should not have been. */
  readonly problems: readonly string[];
}

/** One of the storms. */
export interface Storm {
  /** How many blows a whole one has. */
  readonly whole: number;
  /** What it does, for the table. */
  readonly what: string;
  run(options: StormOptions): Promise<Outcome>;
}

/** One of a list, by chance. */
export const oneOf = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)];

/** A whole number from `from` to below `to`, by chance. */
export const between = (random: () => number, from: number, to: number): number =>
  from + Math.floor(random() * (to - from));
