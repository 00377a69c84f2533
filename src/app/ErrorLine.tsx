import type { ErrorReport } from '../base/errors.ts';
import styles from './ErrorLine.module.css';

/** An error in one paragraph, next to its subject. @param isNew whether screen readers announce it at once. */
export function ErrorLine({ error, isNew, testId }: { error: ErrorReport; isNew: boolean; testId?: string }) {
  return (
    <p className={styles.line} role={isNew ? 'alert' : undefined} data-testid={testId}>
      {error.message} {error.nextStep} <code>{error.code}</code>
    </p>
  );
}
