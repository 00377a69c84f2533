import type { ErrorReport } from '../base/errors.ts';
import { visibleText } from '../base/visible.ts';
import { methodTitle } from '../methods/registry.ts';
import { roundName } from '../run/settings/schedule.ts';
import type { StoredCheckpoint } from '../worker/protocol.ts';
import { usePage, usePageState } from './state/page-context.tsx';
import { isActive } from './state/run-state.ts';
import { offered } from './state/unfinished.ts';
import { AskTwice } from './ui/controls.tsx';
import { ErrorText } from './ui/blocks.tsx';
import { bytes, moment, whole } from './ui/format.ts';
import styles from './App.module.css';

/** Offers to resume or remove the runs that a reload, a crash or Stop interrupted. */
export function Interrupted() {
  const { resumeFromCheckpoint, dropCheckpoint } = usePage();
  const unfinished = usePageState((state) => state.unfinished);
  const checkpoint = usePageState((state) => offered(state.unfinished, state.run));
  const active = usePageState(({ run }) => isActive(run.status));
  const shown = usePageState(({ run }) => run.results?.id);
  if (checkpoint === null || active) return null;
  const others = unfinished.filter((one) => one !== checkpoint);
  const isOther = shown !== undefined && checkpoint.id !== shown;
  return (
    <section className="notice" aria-label="Unfinished run" data-testid="interrupted">
      <p>
        {isOther ? 'Another unfinished run, of ' : 'An unfinished run of '}
        <strong>{methodTitle(checkpoint.settings.method)}</strong> on {checkpoint.settings.order.join(', ')}, was saved{' '}
        {placeOf(checkpoint)}. Resuming gives the same losses as an uninterrupted run.
      </p>
      <div className="buttons">
        <button
          type="button"
          className="primary"
          data-testid="resume-from-checkpoint"
          onClick={() => resumeFromCheckpoint(checkpoint)}
        >
          Resume {isOther ? 'the other run ' : ''}at step {whole(checkpoint.step)}
        </button>
        <AskTwice
          key={checkpoint.folder}
          verb="Remove"
          of="the unfinished run"
          testId="drop-checkpoint"
          act={() => void dropCheckpoint(checkpoint.folder)}
        />
      </div>
      {others.length > 0 && (
        <details>
          <summary>{others.length === 1 ? 'Another unfinished run' : `${others.length} more unfinished runs`}</summary>
          <ul className={styles.others}>
            {others.map((other) => (
              <li key={other.folder} data-testid="other-unfinished">
                <span>
                  {methodTitle(other.settings.method)}, seed {other.settings.training.seed}, {placeOf(other)}
                </span>
                <button
                  type="button"
                  aria-label={`Resume at step ${whole(other.step)} ${methodTitle(other.settings.method)}`}
                  onClick={() => resumeFromCheckpoint(other)}
                >
                  Resume at step {whole(other.step)}
                </button>
                <AskTwice
                  verb="Remove"
                  of={`the unfinished run of ${methodTitle(other.settings.method)}`}
                  act={() => void dropCheckpoint(other.folder)}
                />
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

/** `at step 96, while learning field (task 2 of 4), on 2026-11-30 15:21 (1.86 MiB)`. */
function placeOf({ settings, round, step, savedAt, bytes: size }: StoredCheckpoint): string {
  const where =
    round === 0
      ? 'before training'
      : `while learning ${roundName(settings, round)} (task ${round} of ${settings.order.length})`;
  return `at step ${whole(step)}, ${where}, on ${moment(new Date(savedAt).toISOString())} (${bytes(size)})`;
}

/** Says that the results on the page are somebody else's, and where they go. */
function Shared() {
  const { sharing } = usePage();
  const from = usePageState(({ run }) => run.sharedAs);
  if (from === null) return null;
  return (
    <section className="notice" aria-label="Somebody’s results" data-testid="shared">
      <p>
        <strong>Somebody’s results, read-only.</strong> {visibleText(from, 80)} holds them: <em>Run</em> and{' '}
        <em>Ranks</em> show them. Nothing is stored or started, and your own runs stay as they are.
      </p>
      <div className="buttons">
        <button type="button" data-testid="keep-shared" onClick={() => void sharing.keepResults()}>
          Add to my runs
        </button>
        <button type="button" data-testid="close-shared" onClick={sharing.closeResults}>
          Close
        </button>
      </div>
    </section>
  );
}

/** Shown between the tabs and the views: an unfinished run, an error, warnings, a browser that slows the run down. */
export function Notices() {
  // Until another run is about to begin.
  const refused = usePageState((state) => (state.isSettling ? null : state.refused));
  const error = usePageState(({ run, isSettling }) => (isSettling ? null : run.error));
  const results = usePageState(({ run }) => run.results);
  const warnings = usePageState(({ run }) => run.warnings);
  const slowdown = usePageState((state) => state.slowdown);
  const dropProblem = usePageState((state) => state.dropProblem);
  const isRunShown = usePageState(({ view }) => view.tab === 'run');
  const { closeDropProblem } = usePage();
  const report = refused ?? error;
  return (
    <div className={styles.notices}>
      <Shared />
      <Interrupted />
      {report !== null && (
        <div role="alert" className="notice bad" data-testid="error-panel">
          <h2 className="label">{titleOf(report, refused !== null)}</h2>
          <ErrorText error={report} />
          {refused === null && results !== null && (
            <p>What was measured before that is below and can be downloaded under Results.</p>
          )}
        </div>
      )}
      {dropProblem !== null && (
        <div role="alert" className="notice bad" data-testid="drop-problem">
          <ErrorText error={dropProblem} title={notTaken(dropProblem)} />
          <div className="buttons">
            <button type="button" onClick={closeDropProblem}>
              Close
            </button>
          </div>
        </div>
      )}
      {slowdown !== null && (
        <p className="notice warn" data-testid="slowdown">
          The browser slows this tab while it is hidden: steps took {slowdown.toFixed(1)} times as long. Keep the page
          visible in its own window, or switch off energy saving for it.
        </p>
      )}
      {warnings.length > 0 && (
        <details className="notice warn" open={isRunShown}>
          <summary className="label">
            {warnings.length === 1 ? '1 warning of the run' : `${warnings.length} warnings of the run`}
          </summary>
          <ul className="bullets" data-testid="warnings">
            {warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

const notTaken = ({ code }: ErrorReport): string =>
  /^run\/(?:bad-results-link|results-during-run)$/.test(code)
    ? 'The results cannot be opened'
    : 'The files were not taken';

/** The title of an error; something that is missing is no failure. */
function titleOf({ code }: ErrorReport, isRefused: boolean): string {
  if (code === 'settings/files-again') return 'The model’s files are needed';
  return isRefused ? 'The run cannot start' : 'The run has failed';
}
