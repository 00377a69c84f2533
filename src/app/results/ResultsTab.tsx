import { downloadResults } from '../download.ts';
import { bytes } from '../format.ts';
import { runKey } from '../history.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import { Section } from '../ui/Section.tsx';
import { ScoreTool } from '../progress/tools.tsx';
import { FilesSection } from './FilesSection.tsx';
import { PublishedTable } from './PublishedTable.tsx';
import { RunsTable } from './RunsTable.tsx';
import styles from './ResultsTab.module.css';

/** The results file, the runs in this browser, and the published averages. */
export function ResultsTab() {
  const results = usePageState(({ run }) => (isActive(run.status) ? null : run.results));
  const active = usePageState(({ run }) => isActive(run.status));
  const history = usePageState((state) => state.history);
  const problem = usePageState((state) => state.historyProblem);
  const wholeBytes = history.reduce((sum, { resultsBytes }) => sum + (resultsBytes ?? 0), 0);
  return (
    <div className={styles.stack}>
      <FilesSection />
      <div className={styles.download}>
        <button
          type="button"
          className={styles.button}
          data-testid="download-results"
          disabled={results === null}
          onClick={() => results !== null && downloadResults(results)}
        >
          Download results (JSON)
        </button>
        <p className={styles.about}>
          {results !== null
            ? 'Settings, seed, device, every loss, both matrices, measures and spaces.'
            : active
              ? 'The file is ready when the run ends or is stopped.'
              : 'Finish a run or open one below to download its settings, losses, matrices, measures and spaces.'}
        </p>
      </div>
      <Section
        title="Runs in this browser"
        note={`Stored on this machine only, until you forget them (${bytes(wholeBytes)}). BWT, Forgetting and FWT are in points; see Run for the formulas.`}
        tools={
          <>
            <CompareButton />
            <ScoreTool />
          </>
        }
        testId="history"
      >
        {problem !== null && <p className={styles.problem}>{problem}</p>}
        {history.length === 0 ? (
          <p className={styles.about}>None yet. Finished and stopped runs appear here.</p>
        ) : (
          <RunsTable runs={history} current={results === null ? null : runKey(results)} />
        )}
      </Section>
      <PublishedTable />
    </div>
  );
}

/** Opens the comparison of the ticked runs. */
function CompareButton() {
  const { look } = usePage();
  const count = usePageState((state) => state.compare.ticked.length);
  return (
    <button
      type="button"
      className={styles.compare}
      data-testid="compare-ticked"
      disabled={count === 0}
      onClick={() => look({ tab: 'compare' })}
    >
      {count === 0 ? 'Tick runs to compare them' : `Compare ${count === 1 ? '1 run' : `${count} runs`}`}
    </button>
  );
}
