import type { ErrorReport } from '../base/errors.ts';
import styles from './ErrorText.module.css';

/** An error as the page shows it everywhere: what happened, what to do, and its stable code. */
export function ErrorText({ error, title }: { error: ErrorReport; title?: string }) {
  return (
    <>
      <p>
        {title !== undefined && <strong>{title}. </strong>}
        {error.message}
      </p>
      <p>
        <strong>What to do: </strong>
        {error.nextStep}
      </p>
      <p>
        <code className={styles.code}>{error.code}</code>
      </p>
    </>
  );
}
