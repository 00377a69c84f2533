import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { Page } from './page.ts';
import type { PageState } from './store.ts';

const PageContext = createContext<Page | null>(null);

export const PageProvider = PageContext.Provider;

/** The page's actions. */
export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === null) throw new Error('A component of the page is outside of PageProvider.');
  return page;
}

/** A part of the page's state. The component renders again only when that part changes. */
export const usePageState = <T,>(select: (state: PageState) => T): T => useStore(usePage().store, select);
