import { useId, useState } from 'react';
import { type ErrorReport, reportOf } from '../../../base/errors.ts';
import { visibleText } from '../../../base/visible.ts';
import { METHOD_NAMES, type MethodName, methodTitle } from '../../../methods/registry.ts';
import { runKey } from '../../state/history.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import {
  comparedKeys,
  hasEnded,
  isWaiting,
  MOST_SEEDS,
  offeredOrders,
  parseSeeds,
  type QueuedRun,
  settingsOfQueue,
} from '../../state/queue.ts';
import { isActive } from '../../state/run-state.ts';
import { ErrorLine, Section } from '../../ui/blocks.tsx';
import { Check, Unread } from '../../ui/controls.tsx';
import { duration, moment } from '../../ui/format.ts';
import styles from './queue.module.css';

/**
 * Seconds until the queue is done. Estimates are scaled by how long finished runs took relative to theirs; a run
 * without an estimate counts as the mean of the finished runs.
 *
 * @param runningLeft seconds left as the current run reports them; null if it does not know yet.
 * @returns null if the time of some remaining run is unknown.
 */
export function secondsUntilDone(runs: readonly QueuedRun[], runningLeft: number | null): number | null {
  const finished = runs.filter(({ status, seconds }) => status === 'finished' && seconds !== null);
  const rated = finished.filter(({ estimate }) => estimate !== null);
  const sum = (values: readonly (number | null)[]): number => values.reduce<number>((a, b) => a + (b ?? 0), 0);
  const taken = sum(rated.map(({ seconds }) => seconds));
  const estimated = sum(rated.map(({ estimate }) => estimate));
  const factor = estimated > 0 ? taken / estimated : 1;
  const mean = finished.length === 0 ? null : sum(finished.map(({ seconds }) => seconds)) / finished.length;
  let left = 0;
  for (const { status, estimate } of runs) {
    if (status !== 'waiting' && status !== 'running') continue;
    const whole = estimate === null ? mean : estimate * factor;
    const needs = status === 'running' ? (runningLeft ?? whole) : whole;
    if (needs === null) return null;
    left += needs;
  }
  return left;
}

const UNREAD = ['queued run', 'queued runs'] as const;

/** The runs of the queue in the order they start, with their status. */
export function QueueList() {
  const { compare, changeView, queue } = usePage();
  const { runs, unread, isGoing, isMine, isStored } = usePageState((state) => state.queue);
  const waiting = runs.filter(isWaiting);
  const history = usePageState((state) => state.history);
  const finished = comparedKeys(runs, history.map(runKey));
  return (
    <Section
      title="Queue"
      note="Runs start one after another; failed runs are skipped. The queue is stored in this browser and resumes after a reload, from the last checkpoint of the interrupted run."
      testId="queue"
    >
      <p className="about" role="status" data-testid="queue-status">
        <QueueWords />
      </p>
      {!isMine && runs.length > 0 && (
        <p className="about">Another tab is running the queue. Close it to resume here.</p>
      )}
      {!isStored && runs.length > 0 && (
        <p className="about bad">
          This browser does not store the queue: its storage is blocked or full. The queue is lost when the page closes.
        </p>
      )}
      <Unread count={unread.length} name={UNREAD} isDisabled={!isMine} remove={queue.clearUnread} />
      <div className="buttons spaced">
        {isGoing ? (
          <button type="button" data-testid="queue-pause" disabled={!isMine} onClick={queue.pause}>
            Pause the queue
          </button>
        ) : (
          <button
            type="button"
            className="primary"
            data-testid="queue-start"
            disabled={!isMine || waiting.length === 0}
            onClick={queue.start}
          >
            {runs.some(hasEnded) ? 'Resume the queue' : 'Start the queue'}
          </button>
        )}
        <button
          type="button"
          data-testid="queue-empty"
          disabled={!isMine || waiting.length === 0}
          onClick={queue.empty}
        >
          Clear waiting
        </button>
        <button
          type="button"
          disabled={!isMine || !runs.some(hasEnded)}
          title="Their results stay in Results"
          onClick={queue.clear}
        >
          Clear ended
        </button>
        <button
          type="button"
          data-testid="queue-compare"
          disabled={finished.length === 0}
          onClick={() => {
            changeView({ tab: 'compare' });
            void compare.tickOnly(finished);
          }}
        >
          Compare finished runs
        </button>
      </div>
      {runs.length > 0 && (
        <ol className={styles.list}>
          {runs.map((run) => (
            <Row key={run.id} run={run} place={waiting.indexOf(run)} last={waiting.length - 1} isMine={isMine} />
          ))}
        </ol>
      )}
    </Section>
  );
}

/** `2 of 6 done, 1 running, 3 waiting; about 4 min left, done at about 16:40.` */
function QueueWords() {
  const { runs, isGoing } = usePageState((state) => state.queue);
  const active = usePageState(({ run }) => isActive(run.status));
  const runningLeft = usePageState(({ run }) =>
    isActive(run.status) ? (run.progress?.timeLeft?.seconds ?? null) : null,
  );
  if (runs.length === 0) return 'The queue is empty.';
  const count = (status: QueuedRun['status']): number => runs.filter((run) => run.status === status).length;
  const parts = [
    `${runs.filter(hasEnded).length} of ${runs.length} done`,
    ...(count('failed') > 0 ? [`${count('failed')} of them failed`] : []),
    ...(count('stopped') > 0 ? [`${count('stopped')} stopped`] : []),
    ...(count('running') > 0 ? ['1 running'] : []),
    ...(count('waiting') > 0 ? [`${count('waiting')} waiting`] : []),
  ].join(', ');
  if (runs.every(hasEnded)) return `${parts}.`;
  const left = secondsUntilDone(runs, runningLeft);
  const when =
    left === null
      ? 'estimate available after the first run'
      : `about ${duration(left)} left${isGoing ? `, done at about ${clock(left)}` : ''}`;
  const held = isGoing ? '' : active ? ' Paused: no further run will start.' : ' Not started.';
  return `${parts}; ${when}.${held}`;
}

/** The time of day a number of seconds from now: `16:40`. */
const clock = (seconds: number): string => moment(new Date(Date.now() + 1000 * seconds).toISOString()).slice(-5);

const WORDS: Readonly<Record<QueuedRun['status'], string>> = {
  waiting: 'Waiting',
  running: 'Running',
  finished: 'Finished',
  stopped: 'Stopped',
  failed: 'Failed',
};

interface RowProps {
  run: QueuedRun;
  /** Position among the waiting runs, from 0; −1 for others. */
  place: number;
  last: number;
  isMine: boolean;
}

function Row({ run, place, last, isMine }: RowProps) {
  const { openRun, queue } = usePage();
  const active = usePageState((state) => isActive(state.run.status));
  const { id, settings, status, error, seconds, estimate } = run;
  const name = `${methodTitle(settings.method)}, seed ${settings.training.seed}`;
  const tasks = visibleText(settings.order.join(', '), 1000);
  const which = `${name}, ${tasks}`;
  const time = seconds ?? estimate;
  return (
    <li className={styles.run} data-status={status} data-testid="queued-run">
      <span className={styles.status}>{WORDS[status]}</span>
      <span>
        <span className={styles.name}>{name}</span>
        <span className="second">
          {tasks}
          {time !== null && `; ${seconds === null ? 'about ' : ''}${duration(time)}`}
        </span>
      </span>
      <span className={styles.acts}>
        {status === 'waiting' && (
          <>
            <Act name="↑" label={`Earlier: ${which}`} off={!isMine || place === 0} act={() => queue.move(id, -1)} />
            <Act name="↓" label={`Later: ${which}`} off={!isMine || place === last} act={() => queue.move(id, 1)} />
          </>
        )}
        {run.run !== null && (
          <Act name="Open" label={`Open ${which}`} off={active} act={() => void openRun(run.run ?? '')} />
        )}
        {(status === 'failed' || status === 'stopped') && (
          <Act name="Again" label={`Queue again: ${which}`} off={!isMine} act={() => queue.again(id)} />
        )}
        {status !== 'running' && (
          <Act name="×" label={`Remove from the queue: ${which}`} off={!isMine} act={() => queue.remove(id)} />
        )}
      </span>
      {error !== null && (
        <div className={styles.why}>
          <ErrorLine error={error} isNew={false} />
        </div>
      )}
    </li>
  );
}

interface ActProps {
  name: string;
  label: string;
  off: boolean;
  act: () => void;
}

function Act({ name, label, off, act }: ActProps) {
  return (
    <button type="button" className="act" aria-label={label} title={label} disabled={off} onClick={act}>
      {name}
    </button>
  );
}

/** Adds methods × orders × seeds to the queue; all other settings come from the form. */
export function AddRuns() {
  const { queue, store, afterReading } = usePage();
  const draft = usePageState((state) => state.draft);
  const isMine = usePageState((state) => state.queue.isMine);
  const isTaught = usePageState(({ teaches }) => teaches !== null);
  const [chosen, setChosen] = useState<readonly MethodName[] | null>(null);
  const [orderNames, setOrderNames] = useState<readonly string[]>(['As set up']);
  const [seedText, setSeedText] = useState('1, 2, 3');
  const [problem, setProblem] = useState<ErrorReport | null>(null);
  const seedsId = useId();
  const methods = METHOD_NAMES.filter((name) => (chosen ?? [draft.method.name]).includes(name));
  const offered = offeredOrders(draft.order);
  const orders = offered.filter(({ name }) => orderNames.includes(name));
  const seeds = parseSeeds(seedText);
  const count = methods.length * orders.length * (seeds?.length ?? 0);
  const toggled = <T,>(list: readonly T[], item: T, isIn: boolean): T[] =>
    isIn ? [...list, item] : list.filter((other) => other !== item);
  const add = (): void => {
    try {
      queue.add(
        settingsOfQueue(
          store.getState().draft,
          methods,
          orders.map(({ order }) => order),
          seeds ?? [],
        ),
      );
      setProblem(null);
    } catch (error) {
      setProblem(reportOf(error));
    }
  };
  return (
    <Section
      title="Add runs"
      note="One run for each method, order and seed. All other settings come from the form on the left; methods not selected there use their presets."
      testId="add-runs"
    >
      <form
        className={`stack ${styles.form}`}
        onSubmit={(event) => {
          event.preventDefault();
          afterReading(add);
        }}
      >
        <fieldset className={styles.group}>
          <legend className={`label ${styles.legend}`}>Methods</legend>
          <div className={`row ${styles.choices}`}>
            {METHOD_NAMES.map((name) => (
              <Check
                key={name}
                testId={`queue-method-${name}`}
                isOn={methods.includes(name)}
                set={(isOn) => setChosen(toggled(methods, name, isOn))}
              >
                {name}
              </Check>
            ))}
          </div>
        </fieldset>
        <fieldset className={styles.group}>
          <legend className={`label ${styles.legend}`}>Orders</legend>
          <div className={`row ${styles.choices}`}>
            {offered.map(({ name, order }) => (
              <Check
                key={name}
                isOn={orderNames.includes(name)}
                set={(isOn) => setOrderNames(toggled(orderNames, name, isOn))}
              >
                <span>
                  {name} <span className="muted wrap">{visibleText(order.join(', '), 1000)}</span>
                </span>
              </Check>
            ))}
          </div>
        </fieldset>
        <div className={styles.group}>
          <label className={`label ${styles.legend}`} htmlFor={seedsId}>
            Seeds
          </label>
          <div>
            <input
              id={seedsId}
              className={styles.seeds}
              data-testid="queue-seeds"
              value={seedText}
              aria-invalid={seeds === null}
              aria-describedby={`${seedsId}-help`}
              onChange={({ target }) => setSeedText(target.value)}
            />
          </div>
          <p id={`${seedsId}-help`} className={seeds === null ? 'about bad' : 'about'}>
            Whole numbers, such as 1, 2, 5-7; at most {MOST_SEEDS}.
          </p>
        </div>
        <div className="buttons">
          <button
            type="submit"
            className="primary"
            data-testid="queue-add"
            disabled={!isMine || count === 0 || isTaught}
          >
            {count === 1 ? 'Add 1 run' : `Add ${count} runs`}
          </button>
        </div>
        {isTaught && (
          <p className="about" data-testid="queue-taught">
            Runs of the queue begin with a base model, but the form teaches a model more: choose a base model there
            first.
          </p>
        )}
        {problem !== null && <ErrorLine error={problem} isNew />}
      </form>
    </Section>
  );
}

/** The queue, and the form that adds runs to it. */
export function QueueTab() {
  return (
    <div className="sections">
      <QueueList />
      <AddRuns />
    </div>
  );
}
