import { useId, useState } from 'react';
import type { ErrorReport } from '../../base/errors.ts';
import { type RunLabel, labelOf } from '../../run/results/results.ts';
import { MOST_NAME, MOST_NOTES } from '../../run/settings/results-bounds.ts';
import { usePage } from '../state/page-context.tsx';
import { ErrorLine } from '../ui/blocks.tsx';
import styles from './shared.module.css';

/** Text that has been typed and is not saved: the next field may be filled in while the last one is being saved. */
export function typedSince(typed: Partial<RunLabel>, saved: RunLabel): Partial<RunLabel> {
  const { name, notes } = typed;
  return {
    ...(name !== undefined && name !== saved.name && { name }),
    ...(notes !== undefined && notes !== saved.notes && { notes }),
  };
}

/** Name and notes of a stored run, saved when a field is left. */
export function RunLabelFields({ runKey, stored }: { runKey: string; stored: { name?: string; notes?: string } }) {
  const { labelRun } = usePage();
  const saved = labelOf(stored);
  const [typed, setTyped] = useState<Partial<RunLabel>>({});
  const [problem, setProblem] = useState<ErrorReport | null>(null);
  const [nameField, notesField] = [useId(), useId()];
  const label = { ...saved, ...typed };
  const save = async (): Promise<void> => {
    if (label.name === saved.name && label.notes === saved.notes) return;
    const refused = await labelRun(runKey, label);
    setProblem(refused);
    if (refused === null) setTyped((now) => typedSince(now, label));
  };
  return (
    <div className={styles.fields}>
      <label htmlFor={nameField}>Name</label>
      <input
        id={nameField}
        type="text"
        data-testid="run-name"
        maxLength={MOST_NAME}
        value={label.name}
        aria-invalid={problem !== null || undefined}
        onChange={({ target }) => setTyped({ ...typed, name: target.value })}
        onBlur={() => void save()}
        onKeyDown={({ key }) => {
          if (key === 'Enter') void save();
        }}
      />
      <label htmlFor={notesField}>Notes</label>
      <textarea
        id={notesField}
        rows={2}
        data-testid="run-notes"
        maxLength={MOST_NOTES}
        value={label.notes}
        onChange={({ target }) => setTyped({ ...typed, notes: target.value })}
        onBlur={() => void save()}
      />
      {problem !== null && <ErrorLine error={problem} isNew />}
    </div>
  );
}
