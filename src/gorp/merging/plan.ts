import type { PartNeeds } from '../part-needs.ts';

/**
 * The adapter of all tasks is the merger of what each task left (docs/method.md, eq. (36)). A task starts from the pair
 * that the last one trained, with orthonormal rows of A, and tests and exports use the merged pair.
 */
export interface MergingPlan {
  readonly part: 'merging';
  readonly needs: PartNeeds;
}

export const merging = (): MergingPlan => ({ part: 'merging', needs: {} });

/** The weight of task t, counted from 1, in the merged B. */
export const mergingWeight = (task: number): number => 1 / Math.sqrt(task);
