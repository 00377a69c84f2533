import type { PartNeeds } from '../part-needs.ts';

/** Weights of a term by task, from the first; the last also applies to later tasks. */
type TaskWeights = readonly number[];

/** A term of the loss on adapters, which the reported loss excludes. */
export interface Penalty {
  /**
   * - `orthogonal`: weight · Σ|A_prev Aᵀ| over the frozen pairs of a layer.
   * - `norm`: weight · (‖A‖ + ‖B‖) of the new pair.
   * - `sparse`: weight · Σ|B A|.
   * - `crossed`: weight · Σ|A B|, only for layers with as many inputs as outputs.
   */
  readonly kind: 'orthogonal' | 'norm' | 'sparse' | 'crossed';
  readonly weight: number;
  readonly byTask?: TaskWeights;
}

/** Terms of the loss on the entries of adapters. */
export interface PenaltyPlan {
  readonly part: 'penalties';
  readonly needs: PartNeeds;
  readonly terms: readonly Penalty[];
}

export const penalties = (...terms: readonly Penalty[]): PenaltyPlan => ({
  part: 'penalties',
  needs: terms.some(({ kind }) => kind === 'orthogonal') ? { earlierPairs: true } : {},
  terms,
});

/** The weight of a term in a task, counted from 1. */
export const weightIn = ({ weight, byTask }: Penalty, task: number): number =>
  byTask ? byTask[Math.min(task, byTask.length) - 1] : weight;
