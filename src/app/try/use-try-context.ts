import { budgetBytes } from '../memory/budget.ts';
import { usePage } from '../page-context.tsx';
import type { TryContext } from './try-desk.ts';

/** Gives what of the page a question depends on, at the time it is asked. */
export function useTryContext(): () => TryContext {
  const page = usePage();
  return () => {
    const { access, device, memoryBudget } = page.store.getState();
    return { access, device, budget: budgetBytes(memoryBudget) };
  };
}
