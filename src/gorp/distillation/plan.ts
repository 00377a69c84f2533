import type { PartNeeds } from '../part-needs.ts';

/**
 * A term of the loss on the examples of the current task: weight · τ² · the mean over label tokens of
 * KL(teacher ‖ model) at temperature τ (docs/method.md, eq. (29)). The reported loss excludes it. The teacher is the
 * same model without some adapters, so it needs no copy; nothing else may be trained.
 */
export interface DistillationPlan {
  readonly part: 'distillation';
  readonly needs: PartNeeds;
  readonly weight: number;
  readonly temperature: number;
  /** The model before the task, without the new pair; or the base model, without any. */
  readonly teacher: 'before' | 'base';
  /** Whether both leave out the right token, and share its probability among the others. */
  readonly omitsRight: boolean;
}

export const distillation = (plan: Omit<DistillationPlan, 'part' | 'needs'>): DistillationPlan => ({
  part: 'distillation',
  needs: {},
  ...plan,
});
