import type { ErrorReport } from '../../base/errors.ts';
import styles from './ErrorNote.module.css';

/** What went wrong, and what to do, where it was asked for. */
export function ErrorNote({ error, title }: { error: ErrorReport; title: string }) {
  return (
    <div role="alert" className={styles.note} data-testid="task-problem">
      <p>
        <strong>{title}.</strong> {error.message}
      </p>
      <p>
        <strong>What to do: </strong>
        {error.nextStep}
      </p>
      <code className={styles.code}>{error.code}</code>
    </div>
  );
}
