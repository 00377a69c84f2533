/** How to run a storm. */
export interface StormOptions {
  /** How many faults to inject; {@link Storm.whole} at full size. */
  readonly count: number;
  /** Draws the faults: the same seed draws the same ones. */
  readonly random: () => number;
  /** Logs progress. */
  readonly note: (text: string) => void;
}

/** The result of a storm. */
export interface Outcome {
  /** What was measured, in the words of the table in docs/reliability.md. */
  readonly figures: string;
  /** What went wrong, a sentence each. */
  readonly problems: readonly string[];
}

/** A test that injects faults at random. */
export interface Storm {
  /** Faults at full size. */
  readonly whole: number;
  /** The fault, in the words of the table. */
  readonly what: string;
  run(options: StormOptions): Promise<Outcome>;
}

/** A random entry of a list. */
export const oneOf = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)];

/** A random whole number, at least `from` and below `to`. */
export const between = (random: () => number, from: number, to: number): number =>
  from + Math.floor(random() * (to - from));
