import type { ModelOfRun } from '../../worker/protocol.ts';

/** GiB that a person can let the models of runs take. */
export const BUDGETS = [1, 2, 5, 10, 20, 50] as const;
const USUAL = 5;
const KEY = 'gorp-web-model-budget';
const GIB = 2 ** 30;

/** The budget that the person chose, in GiB. */
export function readBudget(): number {
  try {
    return BUDGETS.find((one) => String(one) === localStorage.getItem(KEY)) ?? USUAL;
  } catch {
    return USUAL; // storage is blocked
  }
}

export function saveBudget(gib: number): void {
  try {
    localStorage.setItem(KEY, String(gib));
  } catch {
    // Then it lasts as long as the page.
  }
}

/** The models that have to go, the oldest first, for the others to fit into the budget; never the one in use. */
export function overBudget(models: readonly ModelOfRun[], gib: number): ModelOfRun[] {
  let left = models.reduce((sum, { bytes }) => sum + bytes, 0) - gib * GIB;
  return models
    .toSorted((a, b) => a.savedAt - b.savedAt)
    .filter(({ isShown, bytes }) => {
      if (left <= 0 || isShown) return false;
      left -= bytes;
      return true;
    });
}
