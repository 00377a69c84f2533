import type { ReactNode } from 'react';
import { NoWebGpu } from './NoWebGpu.tsx';
import styles from './Notices.module.css';
import { usePageState } from './page-context.tsx';
import { isActive } from './run-state.ts';
import { obstacleOf, obstacleFromError } from './support.ts';

/** What stands above the views when something is wrong: no WebGPU, an error, warnings. */
export function Notices() {
  const support = usePageState((state) => state.support);
  const refused = usePageState((state) => state.refused);
  const error = usePageState(({ run }) => run.error);
  const results = usePageState(({ run }) => run.results);
  const warnings = usePageState(({ run }) => run.warnings);
  const active = usePageState(({ run }) => isActive(run.status));
  const report = refused ?? error;
  const obstacle = obstacleFromError(report?.code) ?? obstacleOf(support);
  return (
    <div className={styles.notices}>
      {report !== null && (
        <div role="alert" className={`${styles.panel} ${styles.error}`} data-testid="error-panel">
          <h2 className={styles.title}>{refused === null ? 'The run has failed' : 'The run cannot start'}</h2>
          <p>{report.message}</p>
          <p>
            <strong>What to do: </strong>
            {report.nextStep}
          </p>
          {refused === null && results !== null && (
            <p>What was measured until then is kept below and can be downloaded under Results.</p>
          )}
          <p className={styles.code}>
            <code>{report.code}</code>
          </p>
        </div>
      )}
      {obstacle !== null && !active && <NoWebGpu obstacle={obstacle} />}
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
