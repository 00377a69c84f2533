import type { ReactNode } from 'react';
import { Interrupted } from './checkpoints/Interrupted.tsx';
import { ErrorText } from './ErrorText.tsx';
import styles from './Notices.module.css';
import { usePageState } from './page-context.tsx';

/** Shown above the views: an unfinished run, an error, warnings, a browser that slows the run down. */
export function Notices() {
  const refused = usePageState((state) => state.refused);
  const error = usePageState(({ run }) => run.error);
  const results = usePageState(({ run }) => run.results);
  const warnings = usePageState(({ run }) => run.warnings);
  const slowdown = usePageState((state) => state.slowdown);
  const report = refused ?? error;
  return (
    <div className={styles.notices}>
      <Interrupted />
      {report !== null && (
        <div role="alert" className={`${styles.panel} ${styles.error}`} data-testid="error-panel">
          <h2 className={styles.title}>{refused === null ? 'The run has failed' : 'The run cannot start'}</h2>
          <ErrorText error={report} />
          {refused === null && results !== null && (
            <p>What was measured before that is below and can be downloaded under Results.</p>
          )}
        </div>
      )}
      {slowdown !== null && (
        <p className={`${styles.panel} ${styles.warning}`} data-testid="slowdown">
          The browser slows this tab while it is hidden: steps took {slowdown.toFixed(1)} times as long. Keep the page
          visible in its own window, or switch off energy saving for it.
        </p>
      )}
      {warnings.length > 0 && (
        <Fold title={warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`}>
          <ul className={styles.list} data-testid="warnings">
            {warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Fold>
      )}
    </div>
  );
}

function Fold({ title, children }: { title: string; children: ReactNode }) {
  return (
    <details className={`${styles.panel} ${styles.warning}`} open>
      <summary className={styles.title}>{title}</summary>
      {children}
    </details>
  );
}
