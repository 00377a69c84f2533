import type { ErrorReport } from '../../base/errors.ts';
import type { Effort } from '../../run/planning/duration.ts';
import type { MemoryPlan } from '../../run/planning/memory-plan.ts';

/** The planned memory and work of a run with the current settings. */
export type PlanState =
  | { status: 'none' }
  /** The model's config is on another server, which is asked only when the person requests it. */
  | { status: 'unknown-model' }
  /** `last` is the plan for the previous settings. */
  | { status: 'planning'; last: MemoryPlan | null }
  | { status: 'planned'; plan: MemoryPlan; effort: Effort }
  | { status: 'failed'; error: ErrorReport };

export const NO_PLAN: PlanState = { status: 'none' };
