import type { ErrorReport } from '../../base/errors.ts';
import { ErrorText } from '../ErrorText.tsx';
import styles from './ErrorNote.module.css';

/** What went wrong and what to do, next to the action that failed. */
export function ErrorNote({ error, title }: { error: ErrorReport; title: string }) {
  return (
    <div role="alert" className={styles.note} data-testid="task-problem">
      <ErrorText error={error} title={title} />
    </div>
  );
}
