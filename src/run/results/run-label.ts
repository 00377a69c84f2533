import type { Results } from './results.ts';

/** A person's name for a run, and notes on it; both may be empty. */
export interface RunLabel {
  readonly name: string;
  readonly notes: string;
}

export const labelOf = ({ name = '', notes = '' }: { name?: string; notes?: string }): RunLabel => ({ name, notes });

/** The label as results and summaries store it: empty parts are missing. */
export const storedLabel = ({ name, notes }: RunLabel): { name?: string; notes?: string } => ({
  ...(name !== '' && { name }),
  ...(notes !== '' && { notes }),
});

/** Results with a label in place of theirs. */
export function withLabel(results: Results, label: RunLabel): Results {
  const others = { ...results };
  delete others.name;
  delete others.notes;
  return { ...others, ...storedLabel(label) };
}
