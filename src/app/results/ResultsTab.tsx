import { deviceName, reasonNote } from '../device/device-words.ts';
import { downloadResults } from '../download.ts';
import { bytes, duration, moment } from '../format.ts';
import { measuresShown, runKey, type RunSummary } from '../history.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import { Section } from '../ui/Section.tsx';
import { changeText, scoreText } from '../progress/scores.ts';
import { ScoreTool } from '../progress/tools.tsx';
import { FilesSection } from './FilesSection.tsx';
import { PublishedTable } from './PublishedTable.tsx';
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
      <FilesSection />
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
          <HistoryTable runs={history} current={results === null ? null : runKey(results)} />
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

function HistoryTable({ runs, current }: { runs: readonly RunSummary[]; current: string | null }) {
  const { compare, edit, forget, openRun, resultsOf } = usePage();
  const ticked = usePageState((state) => state.compare.ticked);
  const score = usePageState(({ view }) => view.score);
  const active = usePageState(({ run }) => isActive(run.status));
  return (
    <div className={styles.scroll}>
      <table className={styles.table}>
        <caption className="hidden-visually">Runs in this browser, newest first</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">Method</th>
            <th scope="col" className={styles.number}>
              AP %
            </th>
            <th scope="col" className={styles.number}>
              Just learned %
            </th>
            <th scope="col" className={styles.number}>
              BWT
            </th>
            <th scope="col" className={styles.number}>
              Forgetting
            </th>
            <th scope="col" className={styles.number}>
              FWT
            </th>
            <th scope="col">Tasks and training</th>
            <th scope="col">Model and device</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => {
            const { startedAt, settings, device, status } = run;
            const { measures, isLoss } = measuresShown(run, score);
            const own = isLoss ? 'loss' : 'exact';
            const key = runKey(run);
            const isWhole = run.resultsBytes !== null;
            const which = `the ${settings.method.name} run of ${moment(startedAt)}`;
            return (
              <tr key={key} data-current={key === current}>
                <td className={styles.tick}>
                  <input
                    type="checkbox"
                    aria-label={`Compare ${which}`}
                    data-testid="tick-run"
                    checked={ticked.includes(key)}
                    disabled={!isWhole}
                    onChange={({ target }) => void compare.tick(key, target.checked)}
                  />
                </td>
                <th scope="row">
                  {settings.method.name}
                  {status !== 'finished' && <span className={styles.tag}>{status}</span>}
                  {run.file !== undefined && <span className={styles.tag}>added file</span>}
                  <span className={styles.second}>
                    {key === current ? `shown, ${moment(startedAt)}` : moment(startedAt)}
                  </span>
                </th>
                <td className={styles.number}>{scoreText(own, measures.averagePerformance)}</td>
                <td className={styles.number}>{scoreText(own, measures.justLearned)}</td>
                <td className={styles.number}>{changeText(own, measures.backwardTransfer)}</td>
                <td className={styles.number}>{changeText(own, measures.forgetting).replace(/^[+±]/, '')}</td>
                <td className={styles.number}>{changeText(own, measures.forwardTransfer)}</td>
                <td className={styles.tasks} title={settings.order.join(', ')}>
                  {settings.order.length > 5 ? `${settings.order.length} tasks` : settings.order.join(', ')}
                  <span className={styles.second}>{trainingText(run)}</span>
                </td>
                <td className={styles.device}>
                  {run.model}
                  <span className={styles.second}>
                    {[deviceName(device), reasonNote(device), duration(run.seconds)].filter(Boolean).join(', ')}
                  </span>
                </td>
                <td className={styles.acts}>
                  <button
                    type="button"
                    className={styles.act}
                    disabled={active || !isWhole}
                    title={isWhole ? undefined : 'Only the summary of this run is stored.'}
                    aria-label={`Open ${which}`}
                    onClick={() => void openRun(key)}
                  >
                    Open
                  </button>
                  <button
                    type="button"
                    className={styles.act}
                    disabled={!isWhole}
                    aria-label={`Download ${which}`}
                    onClick={() => void resultsOf(key).then((whole) => whole !== null && downloadResults(whole))}
                  >
                    Download
                  </button>
                  <button
                    type="button"
                    className={styles.act}
                    disabled={active}
                    aria-label={`Use settings of ${which}`}
                    onClick={() => edit(() => settings)}
                  >
                    Use settings
                  </button>
                  <button
                    type="button"
                    className={styles.act}
                    aria-label={`Forget ${which}`}
                    onClick={() => void forget(key)}
                  >
                    Forget
                  </button>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function trainingText({ settings }: RunSummary): string {
  const { trainExamples, epochs, seed } = settings.training;
  return `${trainExamples || 'all'} each, ${epochs === 1 ? '1 epoch' : `${epochs} epochs`}, seed ${seed}`;
}
