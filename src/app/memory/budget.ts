import { type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import { checkBudget, type MemoryPlan } from '../../run/planning/memory-plan.ts';
import type { RunSettings } from '../../run/settings/settings.ts';

/** A budget, entered in GiB, as bytes. */
export const budgetBytes = (budget: number | null): number | null => (budget === null ? null : budget * 2 ** 30);

/** Why a budget in GiB refuses a plan; null if it does not. */
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

const BUDGET_KEY = 'gorp-web-gpu-memory';

/** The budget in GiB stored in this browser, or null. It belongs to the machine, not to a run's settings. */
export function storedBudget(): number | null {
  try {
    const budget = Number(localStorage.getItem(BUDGET_KEY));
    return budget > 0 && Number.isFinite(budget) ? budget : null;
  } catch {
    return null; // storage is blocked, so nothing was stored
  }
}

export function saveBudget(budget: number | null): void {
  try {
    if (budget === null) localStorage.removeItem(BUDGET_KEY);
    else localStorage.setItem(BUDGET_KEY, String(budget));
  } catch {
    // Storage is blocked: the budget lasts until the page closes.
  }
}
