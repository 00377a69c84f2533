import type { ErrorReport } from '../../base/errors.ts';
import type { Effort } from '../../run/duration.ts';
import type { MemoryPlan } from '../../run/memory-plan.ts';

/** What is known of the memory and the work that a run with the present settings would take. */
export type PlanState =
  | { status: 'none' }
  /** The model's config is on another server, which is asked when the person says so. */
  | { status: 'unknown-model' }
  /** `last` is the plan of the settings before. */
  | { status: 'planning'; last: MemoryPlan | null }
  | { status: 'planned'; plan: MemoryPlan; effort: Effort }
  | { status: 'failed'; error: ErrorReport };

export const NO_PLAN: PlanState = { status: 'none' };
