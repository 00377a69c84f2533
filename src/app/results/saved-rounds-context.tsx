import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { KeptRounds, KeptState } from './saved-rounds.ts';

const Context = createContext<KeptRounds | null>(null);

export const KeptRoundsProvider = Context.Provider;

export function useKeptRounds(): KeptRounds {
  const kept = useContext(Context);
  if (kept === null) throw new Error('KeptRoundsProvider is missing.');
  return kept;
}

export const useKeptState = <Part,>(select: (state: KeptState) => Part): Part =>
  useStore(useKeptRounds().store, select);
