import type { ErrorReport } from '../base/errors.ts';
import styles from './ErrorLine.module.css';

/** An error in one paragraph, beside what it is about. @param isNew whether it is told at once, also to who does not look. */
export function ErrorLine({ error, isNew, testId }: { error: ErrorReport; isNew: boolean; testId?: string }) {
  return (
    <p className={styles.line} role={isNew ? 'alert' : undefined} data-testid={testId}>
      {error.message} {error.nextStep} <code>{error.code}</code>
    </p>
  );
}
