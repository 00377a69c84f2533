import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { StoredRounds, StoredState } from './saved-rounds.ts';

const Context = createContext<StoredRounds | null>(null);

export const StoredRoundsProvider = Context.Provider;

export function useStoredRounds(): StoredRounds {
  const stored = useContext(Context);
  if (stored === null) throw new Error('StoredRoundsProvider is missing.');
  return stored;
}

export const useStoredState = <Part,>(select: (state: StoredState) => Part): Part =>
  useStore(useStoredRounds().store, select);
