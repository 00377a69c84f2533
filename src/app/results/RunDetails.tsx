import { deviceName, reasonNote } from '../device/device-words.ts';
import { downloadResults } from '../download.ts';
import { bytes, duration } from '../format.ts';
import { runKey, type RunSummary } from '../history.ts';
import { modelText } from '../../weights/model-text.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import { AskTwice } from '../ui/AskTwice.tsx';
import buttons from '../ui/buttons.module.css';
import { useStoredRounds, useStoredState } from './saved-rounds-context.tsx';
import { calledRun, columnText, RUN_COLUMNS } from './run-columns.ts';
import { RunLabelFields } from './RunLabelFields.tsx';
import styles from './RunsTable.module.css';

/** All that is stored of a run, and what can be done with it. */
export function RunDetails({ run }: { run: RunSummary }) {
  const { takeSettings, forget, resumeFromCheckpoint, resultsOf } = usePage();
  const stored = useStoredRounds();
  const active = usePageState(({ run: shown }) => isActive(shown.status));
  const score = usePageState(({ view }) => view.score);
  const checkpoint = usePageState(({ unfinished }) => unfinished.find(({ id }) => id !== undefined && id === run.id));
  const model = useStoredState(({ models }) => models.find((one) => one.run !== null && one.run === run.id));
  const isWriting = useStoredState(({ writing }) => writing !== null);
  const { settings, device, seconds, resultsBytes } = run;
  const { trainExamples, testExamples, epochs, seed } = settings.training;
  const [key, which] = [runKey(run), calledRun(run)];
  const facts: [string, string][] = [
    ['Tasks', settings.order.join(', ')],
    [
      'Training',
      `${trainExamples || 'all'} examples each, ${epochs === 1 ? '1 epoch' : `${epochs} epochs`}, seed ${seed}`,
    ],
    ['Tests', `${testExamples || 'all'} examples of each task`],
    ['Measures', RUN_COLUMNS.map((column) => `${column} ${columnText(column, run, score)}`).join(', ')],
    ['Base model', modelText(run.model)],
    ['Device', [deviceName(device), reasonNote(device), duration(seconds)].filter(Boolean).join(', ')],
    ['Stored', resultsBytes === null ? 'only this summary' : `results, ${bytes(resultsBytes)}`],
    ['Model', model === undefined ? 'not in this browser' : `after round ${model.round}, ${bytes(model.bytes)}`],
  ];
  return (
    <div data-testid="run-details">
      <RunLabelFields runKey={key} stored={run} />
      <dl className={styles.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className={buttons.row}>
        {checkpoint !== undefined && (
          <Act label="Resume" of={which} isDisabled={active} act={() => resumeFromCheckpoint(checkpoint)} />
        )}
        {model?.isShown === false && (
          <Act label="Use its model" of={which} isDisabled={active || isWriting} act={() => stored.use(model.folder)} />
        )}
        <Act label="Use settings" of={which} isDisabled={active} act={() => takeSettings(settings)} />
        <Act
          label="Download"
          of={which}
          isDisabled={resultsBytes === null}
          act={() => void resultsOf(key).then((whole) => whole !== null && downloadResults(whole))}
        />
        <AskTwice
          verb="Forget"
          of={which}
          className={`${buttons.plain} ${buttons.small}`}
          act={() => void forget(key)}
        />
      </div>
    </div>
  );
}

function Act({ label, of, isDisabled, act }: { label: string; of: string; isDisabled: boolean; act: () => void }) {
  return (
    <button
      type="button"
      className={`${buttons.plain} ${buttons.small}`}
      disabled={isDisabled}
      aria-label={`${label} ${label.startsWith('Use') ? 'of ' : ''}${of}`}
      onClick={act}
    >
      {label}
    </button>
  );
}
