import type { Results } from './results.ts';

/** The losses on held-out examples of a run. */
export type HeldOutLosses = NonNullable<Results['validation']>;

/**
 * Reads the losses on held-out examples in a task as transformers' `EarlyStoppingCallback` does: a validation is idle
 * if it does not fall below the lowest loss before it by more than `threshold`.
 *
 * @param losses in their order; null or infinite if not finite.
 * @returns the index of the lowest loss, −1 if none is finite, and the number of idle validations at the end.
 */
export function courseOf(
  losses: readonly (number | null)[],
  threshold = 0,
): { readonly lowest: number; readonly idle: number } {
  let [lowest, idle, least] = [-1, 0, Infinity];
  for (const [i, each] of losses.entries()) {
    const loss = each ?? Infinity;
    idle = loss < least && least - loss > threshold ? 0 : idle + 1;
    if (loss < least) [lowest, least] = [i, loss];
  }
  return { lowest, idle };
}

/** Validations in a row without a lower loss after which stopping at the lowest is worth a thought. */
const RISEN = 3;

/** Whether the loss on held-out examples has not fallen for so long that a task should have ended before. */
export const hasRisen = (losses: HeldOutLosses): boolean => {
  const { lowest, idle } = courseOf(losses.map(({ loss }) => loss));
  return lowest >= 0 && idle >= RISEN;
};
