import { downloadResults } from '../../ui/download.ts';
import { useId } from 'react';
import { CopyLink } from '../../ui/CopyLink.tsx';
import { bytes, whole } from '../../ui/format.ts';
import { runKey } from '../../state/history.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import { Section } from '../../ui/Section.tsx';
import { Unread } from '../../ui/Unread.tsx';
import { ScoreTool } from '../../shared/score-tools.tsx';
import { FilesSection } from './FilesSection.tsx';
import { useTaught, useTaughtState } from '../../state/taught-models.ts';
import { PublishedTables } from './PublishedTables.tsx';
import { RunsTable } from './RunsTable.tsx';
import styles from './results.module.css';

/** The results file, the runs in this browser, and the published averages. */
export function ResultsTab() {
  const results = usePageState(({ run }) => (isActive(run.status) ? null : run.results));
  const history = usePageState((state) => state.history);
  const problem = usePageState((state) => state.historyProblem);
  const wholeBytes = history.reduce((sum, { resultsBytes }) => sum + (resultsBytes ?? 0), 0);
  return (
    <div className="sections">
      <Downloads />
      <FilesSection />
      <Section
        title="Runs in this browser"
        note={`Stored on this machine only, until you forget them (${bytes(wholeBytes)}). Changes (BWT), what was forgotten and head starts (FWT) are in points; see Run for the formulas.`}
        tools={
          <>
            <CompareButton />
            <ScoreTool />
          </>
        }
        testId="history"
      >
        {problem !== null && <p className="small bad">{problem}</p>}
        <UnreadRuns />
        {history.length === 0 ? (
          <p className="about">None yet. Finished and stopped runs appear here.</p>
        ) : (
          <RunsTable runs={history} current={results === null ? null : runKey(results)} />
        )}
      </Section>
      <PublishedTables />
    </div>
  );
}

async function inTurn(names: readonly string[], remove: (name: string) => Promise<void>): Promise<void> {
  for (const name of names) await remove(name);
}

/** What is stored of runs that this version cannot read. */
function UnreadRuns() {
  const { forget, dropCheckpoint } = usePage();
  const runs = usePageState((state) => state.unreadRuns);
  const checkpoints = usePageState((state) => state.unreadCheckpoints);
  return (
    <>
      <Unread count={runs.length} name={['stored run', 'stored runs']} remove={() => void inTurn(runs, forget)} />
      <Unread
        count={checkpoints.length}
        name={['checkpoint of an unfinished run', 'checkpoints of unfinished runs']}
        remove={() => void inTurn(checkpoints, dropCheckpoint)}
      />
    </>
  );
}

/** The model of the run, and its results. */
function Downloads() {
  const stored = useTaught();
  const results = usePageState(({ run }) => (isActive(run.status) ? null : run.results));
  const active = usePageState(({ run }) => isActive(run.status));
  const access = usePageState((state) => state.access);
  const canSave = useTaughtState(({ last, writing }) => last !== null && writing === null);
  // Beside the results of this run, the button must not hand over another run's model.
  const isOther = useTaughtState(({ last, isAsked }) => last !== null && !isAsked) && results !== null;
  const { sharing } = usePage();
  const picker = useId();
  const open = (
    <>
      <label className="button" htmlFor={picker}>
        Open results…
      </label>
      <input
        id={picker}
        className="hidden-visually"
        type="file"
        accept=".json,application/json"
        data-testid="open-results"
        onChange={({ target }) => {
          const [file] = target.files ?? [];
          target.value = '';
          if (file !== undefined) void sharing.openResults(file);
        }}
      />
    </>
  );
  return (
    <div className="row">
      <button
        type="button"
        className="primary"
        data-testid="download-merged"
        disabled={active || isOther || !canSave}
        onClick={() => void stored.save({ what: 'merge' }, access)}
      >
        Download the model (zip)
      </button>
      <button
        type="button"
        data-testid="download-results"
        disabled={results === null}
        onClick={() => results !== null && downloadResults(results)}
      >
        Download results (JSON)
      </button>
      <p className="about">
        {isOther
          ? 'This run has no model in this browser: it ended before its first task was saved, or its model was removed. The model below is another one.'
          : results !== null
            ? 'The model has everything trained merged in, for Hugging Face libraries; other formats are below. The results have settings, seed, device, every loss, the matrices, measures and spaces.'
            : active
              ? 'Both are ready when the run ends or is stopped.'
              : 'Finish a run or open one below to download its model and its results.'}
      </p>
      <div className={`stack ${styles.share}`}>
        {results === null ? (
          <div className="buttons">{open}</div>
        ) : (
          <CopyLink
            label="Copy a link to these results"
            testId="copy-results-link"
            of={results}
            link={sharing.linkOfResults}
            note={(link) =>
              `${whole(link.length)} characters. Programs for messages cut long links; if yours does, send the results file.`
            }
          >
            {open}
          </CopyLink>
        )}
        <p className="about">
          A link or a results file shows a run read-only to whoever opens it: settings, names, labels, notes and
          numbers, without the texts or the model. The link holds all of it; no server gets it.
        </p>
      </div>
    </div>
  );
}

/** Opens the comparison of the ticked runs. */
function CompareButton() {
  const { changeView } = usePage();
  const count = usePageState((state) => state.compare.ticked.length);
  return (
    <button
      type="button"
      data-testid="compare-ticked"
      disabled={count === 0}
      onClick={() => changeView({ tab: 'compare' })}
    >
      {count === 0 ? 'Tick runs to compare them' : `Compare ${count === 1 ? '1 run' : `${count} runs`}`}
    </button>
  );
}
