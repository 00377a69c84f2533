import { isMeasuring } from '../bench/bench-state.ts';
import { budgetBytes } from '../memory/budget.ts';
import { usePage } from '../page-context.tsx';
import type { TryContext } from './try-desk.ts';

/** Returns a function that reads the question's context from the page when it is asked. */
export function useTryContext(): () => TryContext {
  const page = usePage();
  return () => {
    const { access, device, memoryBudget, bench } = page.store.getState();
    return { access, device, budget: budgetBytes(memoryBudget), isMeasured: isMeasuring(bench) };
  };
}
