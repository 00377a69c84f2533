import type { ReactNode } from 'react';
import type { ErrorReport } from '../base/errors.ts';
import { Interrupted } from './checkpoints/Interrupted.tsx';
import { ErrorText } from './ErrorText.tsx';
import styles from './Notices.module.css';
import { usePage, usePageState } from './page-context.tsx';
import buttons from './ui/buttons.module.css';

/** Shown between the tabs and the views: an unfinished run, an error, warnings, a browser that slows the run down. */
export function Notices() {
  const refused = usePageState((state) => state.refused);
  const error = usePageState(({ run }) => run.error);
  const results = usePageState(({ run }) => run.results);
  const warnings = usePageState(({ run }) => run.warnings);
  const slowdown = usePageState((state) => state.slowdown);
  const dropProblem = usePageState((state) => state.dropProblem);
  const isRunShown = usePageState(({ view }) => view.tab === 'run');
  const { closeDropProblem } = usePage();
  const report = refused ?? error;
  return (
    <div className={styles.notices}>
      <Interrupted />
      {report !== null && (
        <div role="alert" className={`${styles.panel} ${styles.error}`} data-testid="error-panel">
          <h2 className={styles.title}>{titleOf(report, refused !== null)}</h2>
          <ErrorText error={report} />
          {refused === null && results !== null && (
            <p>What was measured before that is below and can be downloaded under Results.</p>
          )}
        </div>
      )}
      {dropProblem !== null && (
        <div role="alert" className={`${styles.panel} ${styles.error}`} data-testid="drop-problem">
          <ErrorText error={dropProblem} title="The files were not taken" />
          <div className={buttons.row}>
            <button type="button" className={buttons.plain} onClick={closeDropProblem}>
              Close
            </button>
          </div>
        </div>
      )}
      {slowdown !== null && (
        <p className={`${styles.panel} ${styles.warning}`} data-testid="slowdown">
          The browser slows this tab while it is hidden: steps took {slowdown.toFixed(1)} times as long. Keep the page
          visible in its own window, or switch off energy saving for it.
        </p>
      )}
      {warnings.length > 0 && (
        <Fold
          title={warnings.length === 1 ? '1 warning of the run' : `${warnings.length} warnings of the run`}
          isOpen={isRunShown}
        >
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

/** What is missing is no failure. */
function titleOf({ code }: ErrorReport, isRefused: boolean): string {
  if (code === 'settings/files-again') return 'The model’s files are needed again';
  return isRefused ? 'The run cannot start' : 'The run has failed';
}

function Fold({ title, isOpen, children }: { title: string; isOpen: boolean; children: ReactNode }) {
  return (
    <details className={`${styles.panel} ${styles.warning}`} open={isOpen}>
      <summary className={styles.title}>{title}</summary>
      {children}
    </details>
  );
}
