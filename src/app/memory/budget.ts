import { type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import { checkBudget, type MemoryPlan } from '../../run/memory-plan.ts';
import type { RunSettings } from '../../run/settings.ts';

/** A budget, entered in GiB, as bytes. */
export const budgetBytes = (budget: number | null): number | null => (budget === null ? null : budget * 2 ** 30);

/** Why a plan is refused under a budget in GiB; null where it is not. */
export function refusalOf(
  plan: MemoryPlan,
  budget: number | null,
  { training }: Pick<RunSettings, 'training'>,
): ErrorReport | null {
  try {
    checkBudget(plan, budgetBytes(budget), training);
    return null;
  } catch (thrown) {
    if (thrown instanceof GorpError) return reportOf(thrown);
    throw thrown;
  }
}

const KEY = 'gorp-web-gpu-memory';

/** The budget in GiB that was entered earlier in this browser; null where there is none. It is of the machine, no setting of a run. */
export function storedBudget(): number | null {
  try {
    const budget = Number(localStorage.getItem(KEY));
    return budget > 0 && Number.isFinite(budget) ? budget : null;
  } catch {
    return null; // storage is blocked: nothing was entered
  }
}

export function keepBudget(budget: number | null): void {
  try {
    if (budget === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, String(budget));
  } catch {
    // Storage is blocked: it lasts until the page is closed.
  }
}
