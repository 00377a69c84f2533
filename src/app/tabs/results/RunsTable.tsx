import { Fragment, useState } from 'react';
import { methodTitle } from '../../../methods/registry.ts';
import { taughtName } from '../../../run/files/model-line.ts';
import { learnedName } from '../../../run/settings/schedule.ts';
import { modelText } from '../../../weights/model-reference.ts';
import { RunLabelFields } from '../../shared/RunLabelFields.tsx';
import { measuresShown, runKey, type RunSummary } from '../../state/history.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import { changeText, scoreText, type ScoreView } from '../../state/scores.ts';
import { readItem, writeItem } from '../../state/stored-items.ts';
import { isAtWork } from '../../state/taught-models.ts';
import { Act, AskTwice } from '../../ui/controls.tsx';
import { deviceName, reasonNote } from '../../ui/device-words.ts';
import { downloadResults } from '../../ui/download.ts';
import { bytes, duration, moment } from '../../ui/format.ts';
import { withTerms } from '../../ui/terms.tsx';
import { visibleText } from '../../../base/visible.ts';
import styles from './results.module.css';

/** Measures that the table of runs can show, each in a column, and their names in the terms of the field. */
const COLUMN_NAMES = {
  AP: 'Average (AP)',
  'Just learned': 'Just learned',
  BWT: 'Change since learned (BWT)',
  Forgetting: 'Forgotten',
  FWT: 'Head start (FWT)',
  'General text': 'General text',
};
type RunColumn = keyof typeof COLUMN_NAMES;
const RUN_COLUMNS = Object.keys(COLUMN_NAMES) as RunColumn[];

/** The words of a screen reader for a run: its name, or what it learned, method and time. */
const calledRun = (run: RunSummary): string =>
  run.name === undefined
    ? `the run ${learned(run)}, ${methodTitle(run.settings.method)}, of ${moment(run.startedAt)}`
    : `the run ${visibleText(run.name, LONGEST)}`;

/** Letters of names that are shown: those in a stranger's file may have 100,000, and turn the text around them. */
const LONGEST = 400;
const learned = ({ settings }: Pick<RunSummary, 'settings'>): string => visibleText(learnedName(settings), LONGEST);

/** The columns that fit beside the name on a narrow screen. */
const USUAL: readonly RunColumn[] = ['AP', 'BWT'];
const KEY = 'gorp-web-run-columns';

/** A measure of a run, as text. */
export function columnText(column: RunColumn, run: RunSummary, view: ScoreView): string {
  const { measures, isLoss } = measuresShown(run, view);
  const score = isLoss ? 'loss' : 'exact';
  // Other runs in the column have percentages.
  const text = (value: number | null): string => `${isLoss && value !== null ? 'loss ' : ''}${scoreText(score, value)}`;
  switch (column) {
    case 'AP':
      return text(measures.averagePerformance);
    case 'Just learned':
      return text(measures.justLearned);
    case 'BWT':
      return changeText(score, measures.backwardTransfer);
    case 'Forgetting':
      return changeText(score, measures.forgetting).replace(/^[+±]/, '');
    case 'FWT':
      return changeText(score, measures.forwardTransfer);
    case 'General text':
      return changeText('loss', run.generalText === undefined ? null : run.generalText.now - run.generalText.before);
  }
}

/** The columns that the person chose. */
function readColumns(): readonly RunColumn[] {
  const chosen = readItem(KEY)?.split(',');
  return chosen === undefined ? USUAL : RUN_COLUMNS.filter((column) => chosen.includes(column));
}

/** All that is stored of a run, and what can be done with it. */
function RunDetails({ run }: { run: RunSummary }) {
  const { copySettings, forget, resumeFromCheckpoint, resultsOf } = usePage();
  const stored = usePage().taught;
  const active = usePageState(({ run: shown }) => isActive(shown.status));
  const score = usePageState(({ view }) => view.score);
  const checkpoint = usePageState(({ unfinished }) => unfinished.find(({ id }) => id !== undefined && id === run.id));
  const taught = usePageState(({ taught: { models } }) =>
    models.find(({ model }) => model?.run !== null && model?.run === run.id),
  );
  const isUsed = usePageState(({ taught: { used } }) => used === taught?.key);
  const isBusy = usePageState(isAtWork);
  const { settings, device, seconds, resultsBytes } = run;
  const { trainExamples, testExamples, epochs, seed } = settings.training;
  const [key, which] = [runKey(run), calledRun(run)];
  const facts: [string, string][] = [
    ['Tasks', visibleText(settings.order.join(', '), 10 * LONGEST)],
    [
      'Training',
      `${trainExamples || 'all'} examples each, ${epochs === 1 ? '1 epoch' : `${epochs} epochs`}, seed ${seed}`,
    ],
    ['Tests', `${testExamples || 'all'} examples of each task`],
    ['Measures', RUN_COLUMNS.map((column) => `${COLUMN_NAMES[column]} ${columnText(column, run, score)}`).join(', ')],
    ['Base model', visibleText(modelText(run.model), LONGEST)],
    [
      'Device',
      [visibleText(deviceName(device), LONGEST), reasonNote(device), duration(seconds)].filter(Boolean).join(', '),
    ],
    ['Stored', resultsBytes === null ? 'only this summary' : `results, ${bytes(resultsBytes)}`],
    ['Model', taught?.model ? `knows ${taughtName(taught.model)}, ${bytes(taught.bytes)}` : 'not in this browser'],
  ];
  return (
    <div data-testid="run-details">
      <RunLabelFields runKey={key} stored={run} />
      <dl className={styles.details}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className="buttons">
        {checkpoint !== undefined && (
          <RunAct label="Resume" of={which} isDisabled={active} act={() => resumeFromCheckpoint(checkpoint)} />
        )}
        {taught && !isUsed && (
          <RunAct label="Use its model" of={which} isDisabled={active || isBusy} act={() => stored.use(taught.key)} />
        )}
        <RunAct label="Use settings" of={which} isDisabled={active} act={() => copySettings(settings)} />
        <RunAct
          label="Download"
          of={which}
          isDisabled={resultsBytes === null}
          act={() => void resultsOf(key).then((whole) => whole !== null && downloadResults(whole))}
        />
        <AskTwice verb="Forget" of={which} act={() => void forget(key)} />
      </div>
    </div>
  );
}

function RunAct({ label, of, isDisabled, act }: { label: string; of: string; isDisabled: boolean; act: () => void }) {
  return (
    <button
      type="button"
      disabled={isDisabled}
      aria-label={`${label} ${label.startsWith('Use') ? 'of ' : ''}${of}`}
      onClick={act}
    >
      {label}
    </button>
  );
}

/** The runs in this browser, newest first: a line each, with more to unfold. */
export function RunsTable({ runs, current }: { runs: readonly RunSummary[]; current: string | null }) {
  const [columns, setColumns] = useState(readColumns);
  const choose = (column: RunColumn, isShown: boolean): void => {
    const next = RUN_COLUMNS.filter((one) => (one === column ? isShown : columns.includes(one)));
    setColumns(next);
    writeItem(KEY, next.join(','));
  };
  return (
    <>
      <div className="scroll">
        <table className={`table ${styles.runs}`}>
          <caption className="hidden-visually">Runs in this browser, newest first</caption>
          <thead>
            <tr>
              <td />
              <th scope="col">Run</th>
              {columns.map((column) => (
                <th
                  key={column}
                  scope="col"
                  className="number"
                  title={column === 'General text' ? 'Change of its loss in nats a token; less is better' : undefined}
                >
                  {withTerms(
                    column === 'AP' || column === 'Just learned' ? `${COLUMN_NAMES[column]} %` : COLUMN_NAMES[column],
                    'AP',
                    'BWT',
                  )}
                </th>
              ))}
              <td />
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Row key={runKey(run)} run={run} isCurrent={runKey(run) === current} columns={columns} />
            ))}
          </tbody>
        </table>
      </div>
      <details className={`small ${styles.columns}`}>
        <summary>Columns</summary>
        <div className="row">
          {RUN_COLUMNS.map((column) => (
            <label key={column}>
              <input
                type="checkbox"
                checked={columns.includes(column)}
                onChange={({ target }) => choose(column, target.checked)}
              />{' '}
              {COLUMN_NAMES[column]}
            </label>
          ))}
        </div>
      </details>
    </>
  );
}

interface RowProps {
  run: RunSummary;
  isCurrent: boolean;
  columns: readonly RunColumn[];
}

function Row({ run, isCurrent, columns }: RowProps) {
  const { compare, openRun } = usePage();
  const key = runKey(run);
  const isTicked = usePageState((state) => state.compare.ticked.includes(key));
  const score = usePageState(({ view }) => view.score);
  const active = usePageState(({ run: shown }) => isActive(shown.status));
  const [isUnfolded, setIsUnfolded] = useState(false);
  const { name, settings, status, startedAt } = run;
  const { method, training } = settings;
  const isWhole = run.resultsBytes !== null;
  const which = calledRun(run);
  return (
    <Fragment>
      <tr data-current={isCurrent}>
        <td className={styles.tick}>
          <input
            type="checkbox"
            aria-label={`Compare ${which}`}
            data-testid="tick-run"
            checked={isTicked}
            disabled={!isWhole}
            onChange={({ target }) => void compare.tick(key, target.checked)}
          />
        </td>
        <th scope="row">
          {name === undefined ? learned(run) : visibleText(name, LONGEST)}
          {status !== 'finished' && <span className="tag">{status}</span>}
          {run.file !== undefined && <span className="tag">added file</span>}
          <span className="second">
            {[isCurrent && 'shown', methodTitle(method), moment(startedAt)].filter(Boolean).join(', ')}
          </span>
          <span className="second">
            {name !== undefined && `${learned(run)}; `}seed {training.seed}
          </span>
        </th>
        {columns.map((column) => (
          <td key={column} className="number">
            {columnText(column, run, score)}
          </td>
        ))}
        <td className="acts">
          <Act
            label={`Open ${which}`}
            disabled={active || !isWhole}
            title={isWhole ? undefined : 'Only the summary of this run is stored.'}
            onClick={() => void openRun(key)}
          >
            Open
          </Act>
          <Act
            label={`${isUnfolded ? 'Less' : 'More'} of ${which}`}
            aria-expanded={isUnfolded}
            data-testid="unfold-run"
            onClick={() => setIsUnfolded(!isUnfolded)}
          >
            {isUnfolded ? 'Less' : 'More'}
          </Act>
        </td>
      </tr>
      {isUnfolded && (
        <tr>
          <td />
          <td colSpan={columns.length + 2}>
            <RunDetails run={run} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}
