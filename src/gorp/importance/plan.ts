import type { PartNeeds } from '../part-needs.ts';

/**
 * The term weight / 2 · Σ importance ∘ (θ − anchor)² of the loss, over all entries of A and B, from the second task on
 * (docs/method.md, eq. (30)). The anchor is the pair at the end of the task before. The importance of a number is the
 * mean over single examples of (∂ log p(label | prompt) / ∂θ)² at the end of each task, of mean 1 in each.
 */
export interface ImportancePlan {
  readonly part: 'importance';
  readonly needs: PartNeeds;
  readonly weight: number;
  /** Factor on the importances of earlier tasks when a task is added, in [0, 1]. */
  readonly decay: number;
}

/** @param examples of each task from which importances are computed; all if it has fewer. */
export const importance = ({
  examples,
  ...plan
}: Omit<ImportancePlan, 'part' | 'needs'> & { readonly examples: number }): ImportancePlan => ({
  part: 'importance',
  needs: { singles: examples },
  ...plan,
});
