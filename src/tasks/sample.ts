import { balancedIndexes, mixSeed, seededRandom } from '../base/random.ts';
import type { Example, Task } from './task.ts';

/**
 * A random sample, balanced over labels: counts differ by at most one, except for labels with too few examples, which
 * others make up for. The sample has the requested size, or all examples.
 *
 * The same seed gives the same sample, and a smaller sample is part of a larger one.
 *
 * @param size number of examples; 0 for all.
 * @returns examples in their original order.
 */
export function sampleBalanced(examples: readonly Example[], size: number, seed: number): Example[] {
  return sample(
    examples,
    examples.map(({ label }) => label),
    size,
    seed,
  );
}

/** A random sample of a task's examples: balanced over its labels, or of all alike if its answers are free. */
export const sampleOf = (
  { labels }: Pick<Task, 'labels'>,
  examples: readonly Example[],
  size: number,
  seed: number,
): Example[] =>
  labels.length > 0
    ? sampleBalanced(examples, size, seed)
    : sample(
        examples,
        examples.map(() => ''),
        size,
        seed,
      );

function sample(examples: readonly Example[], labels: readonly string[], size: number, seed: number): Example[] {
  if (size === 0) return examples.slice();
  return balancedIndexes(labels, size, (label) => seededRandom(mixSeed(seed, 'sample', label))).map((i) => examples[i]);
}
