import { useEffect, useRef } from 'react';
import { usePage, usePageState } from './page-context.tsx';
import { type Tab, TABS } from './tabs.ts';

/** The tab that an entry of the browser's history belongs to; null if the entry is not this page's. */
export function tabOf(state: unknown): Tab | null {
  const name = typeof state === 'object' && state !== null && 'tab' in state ? state.tab : undefined;
  return TABS.find(({ id }) => id === name)?.id ?? null;
}

/** Gives every chosen tab an entry in the browser's history, so that _Back_ returns to it, as a reload does. */
export function useTabHistory(): void {
  const { look } = usePage();
  const tab = usePageState(({ view }) => view.tab);
  const isFirst = useRef(true);
  useEffect(() => {
    const here = tabOf(history.state);
    if (isFirst.current) {
      isFirst.current = false;
      if (here === null) history.replaceState({ tab }, '');
      else look({ tab: here });
      return;
    }
    if (here !== tab) history.pushState({ tab }, '');
  }, [look, tab]);
  useEffect(() => {
    const back = ({ state }: PopStateEvent): void => {
      const there = tabOf(state);
      if (there !== null) look({ tab: there });
    };
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, [look]);
}
