import type { PartNeeds } from '../part-needs.ts';

interface FullRank {
  readonly part: 'full-rank';
  readonly needs: PartNeeds;
  readonly learningRate: number;
}

/** Full-rank training of target modules on the whole gradient, with plain Adam. */
export interface PlainPlan extends FullRank {
  readonly form: 'adam';
  /** The main singular directions of the weight itself, removed from gradients and updates; null for none. */
  readonly frozen: FrozenDirections | null;
}

/** Shares of a weight's smaller side, in [0, 1], for the first and last task of an order; the others interpolate. */
export interface FrozenDirections {
  readonly first: number;
  readonly last: number;
}

/** Full-rank training of target modules on a gradient that is compressed to low rank. */
export interface ProjectedPlan extends FullRank {
  readonly form: 'projected';
  readonly rank: number;
  readonly scale: number;
  /** Steps between two refreshes of the basis. */
  readonly gap: number;
  /**
   * How a gradient counts in the clipping norm: by ‖G‖ itself, at a cost ({@link recordSquaredNorm}), or by ‖R‖ of its
   * compressed form at none.
   */
  readonly clipNorm: 'exact' | 'projected';
}

export type FullRankPlan = PlainPlan | ProjectedPlan;

/** @param frozen main directions of each weight that its updates leave alone; null for none. */
export const plainWeights = (learningRate: number, frozen: FrozenDirections | null = null): PlainPlan => ({
  part: 'full-rank',
  needs: frozen ? { taskCount: true } : {},
  form: 'adam',
  learningRate,
  frozen,
});

export const projectedWeights = (plan: Omit<ProjectedPlan, 'part' | 'needs' | 'form'>): ProjectedPlan => ({
  part: 'full-rank',
  needs: {},
  form: 'projected',
  ...plan,
});

/** How many directions of a weight a task freezes. @param task counted from 1. @param tasks number of tasks in the order. */
export function frozenCount({ first, last }: FrozenDirections, smaller: number, task: number, tasks: number): number {
  const way = tasks > 1 ? (task - 1) / (tasks - 1) : 0;
  return Math.round((first + (last - first) * way) * smaller);
}
