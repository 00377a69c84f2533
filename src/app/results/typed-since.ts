import type { RunLabel } from '../../run/results/run-label.ts';

/** What a person has typed that is not saved: the next field may be filled in while the last one is being saved. */
export function typedSince(typed: Partial<RunLabel>, saved: RunLabel): Partial<RunLabel> {
  const { name, notes } = typed;
  return {
    ...(name !== undefined && name !== saved.name && { name }),
    ...(notes !== undefined && notes !== saved.notes && { notes }),
  };
}
