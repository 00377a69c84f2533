import type { Results } from '../../src/run/results/results.ts';

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
  /** The measured numbers, in the words of the table in docs/reliability.md. */
  readonly figures: string;
  /** The faults, a sentence each. */
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

/**
 * Names the differences in the results of two runs with the same settings, apart from times. @param a of the run
 * without faults.
 */
export function differences(a: Results, b: Results): string[] {
  const [one, other] = [partsOf(a), partsOf(b)];
  return Object.keys(one).flatMap((name) =>
    JSON.stringify(one[name]) === JSON.stringify(other[name])
      ? []
      : [`${name} differ from those of an uninterrupted run`],
  );
}

const partsOf = ({ curves, accuracy, spaces, status, memory }: Results): Record<string, unknown> => ({
  losses: curves.loss,
  steps: curves.step,
  'gradient norms': curves.gradientNorm,
  matrices: accuracy,
  spaces,
  status,
  'live buffers': memory.liveBuffersAtEnd,
});
