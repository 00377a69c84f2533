import { useState } from 'react';
import { ownSeconds, type TestTime } from '../../../run/results/results.ts';
import { roughly } from '../../../run/planning/duration.ts';
import { namedRounds } from '../../../run/settings/schedule.ts';
import { bytes, duration, moment, NONE, whole } from '../../ui/format.ts';
import { deviceName, reasonNote } from '../../ui/device-words.ts';
import { TeachMore } from '../../shared/Lessons.tsx';
import { runKey, shownKey } from '../../state/history.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { downloadResults } from '../../ui/download.ts';
import { RunLabelFields } from '../../shared/RunLabelFields.tsx';
import { methodTitle } from '../../../methods/registry.ts';
import { isActive, type PageRun } from '../../state/run-state.ts';
import { AskTwice } from '../../ui/controls.tsx';
import { phaseText, roundShares, whereText } from '../../state/phase.ts';
import { Fact, Filled, ProgressBar } from '../../ui/blocks.tsx';
import styles from './run.module.css';

/** Where the run is; once it has ended, also the ways on. */
export function StatusPanel() {
  const { changeView, stop } = usePage();
  const run = usePageState((state) => state.run);
  const status = usePageState((state) => (state.isSettling ? 'starting' : state.run.status));
  const active = isActive(run.status);
  const where = active ? whereText(run) : '';
  const stops = run.status === 'stopping';
  const left = active && !stops ? (run.progress?.timeLeft ?? null) : null;
  const { results } = run;
  return (
    <section className="parts" aria-label="Status" data-testid="status" data-status={status}>
      <div className={styles.line}>
        <div role="status">
          <h2 className={styles.phase} data-testid="phase">
            {phaseText(run)}
          </h2>
        </div>
        {results?.name !== undefined && <p className={`wrap ${styles.named}`}>{results.name}</p>}
        <p className={`muted ${styles.where}`}>{where}</p>
        {left !== null && <p className="muted">{roughly(left.seconds, [left.least, left.most])} left</p>}
        {stops && run.stopsIn !== null && <p className="muted">about {duration(run.stopsIn)} left</p>}
        {stops && <AskTwice verb="End" what=" now" of="the run, without saving" testId="end-now" act={stop} />}
        {results !== null && !active && (
          <p className="muted">
            took {duration(ownSeconds(results))}, started {moment(results.startedAt)}
          </p>
        )}
      </div>
      <Rounds run={run} />
      {results !== null && !active && (
        <p className="buttons">
          <TeachMore />
          <button type="button" onClick={() => changeView({ tab: 'ranks' })}>
            Ranks
          </button>
          <button type="button" onClick={() => downloadResults(results)}>
            Download results
          </button>
        </p>
      )}
      {run.sharedAs === null && <Label />}
      {run.device?.software === true && run.device.kind === 'webgpu' && (
        <p className="about warn">
          This adapter is software: it computes on the CPU, many times slower than the CPU device would. Results are as
          accurate, but tokens/s say nothing about a graphics card.
        </p>
      )}
    </section>
  );
}

/** The device and the method of the run, its speed and its memory; folded, since few need it. */
export function Machine() {
  const run = usePageState((state) => state.run);
  const { results } = run;
  const testSpeed = results?.testTime && speedOf(results.testTime);
  return (
    <details className="more" data-testid="machine">
      <summary>Machine</summary>
      <dl className="facts">
        <Fact name="Method" value={run.settings ? methodTitle(run.settings.method) : NONE} />
        <Fact name="Tokens/s" value={whole(run.tokensPerSecond)} />
        <Fact
          name="Testing, tokens/s"
          value={whole(testSpeed?.read ?? null)}
          note={testSpeed ? `read, ${whole(testSpeed.written)} written` : ''}
        />
        <MemoryFact run={run} />
        <Fact
          name="Device"
          value={run.device === null ? NONE : deviceName(run.device)}
          note={run.device === null ? '' : reasonNote(run.device)}
        />
        {results !== null && (
          <Fact
            name="Parameters"
            value={whole(results.model.parameters)}
            note={`${whole(results.model.trainable)} trained`}
          />
        )}
      </dl>
    </details>
  );
}

/** Name and notes of a run, from its beginning on. */
function Label() {
  const label = usePageState(({ run }) => run.results);
  const key = usePageState(({ run }) => shownKey(run));
  const isStored = usePageState(
    ({ run, history }) => isActive(run.status) || history.some((one) => runKey(one) === key),
  );
  // Between the end of a run and its place in the history, what is being typed stays.
  const [shownFor, setShownFor] = useState<string | null>(null);
  if (isStored && shownFor !== key) setShownFor(key);
  if (label === null || key === null || (!isStored && shownFor !== key)) return null;
  return (
    <details className="small" data-testid="run-label">
      <summary>{label.name === undefined ? 'Name this run' : 'Name and notes'}</summary>
      <RunLabelFields key={key} runKey={key} stored={label} />
    </details>
  );
}

/** Bytes held now and at the peak, each only if known; of a run that has ended, the peak alone. */
function MemoryFact({ run: { status, memory, memoryPlan, results } }: { run: PageRun }) {
  const planned = memoryPlan === null ? '' : `${bytes(memoryPlan.total)} planned`;
  const peakBytes = memory?.peakBytes ?? results?.memory.peakBytes;
  const peak = peakBytes === undefined ? null : bytes(peakBytes);
  const ofPlanned = peak === null || planned === '' ? planned : `of ${planned}`;
  const held = memory === null ? undefined : `${bytes(memory.liveBytes)} held now, in ${memory.liveBuffers} buffers`;
  if (!isActive(status)) return <Fact name="Peak memory" value={peak ?? NONE} note={ofPlanned} title={held} />;
  return (
    <Fact
      name="Memory"
      value={memory === null ? NONE : bytes(memory.liveBytes)}
      note={peak === null ? planned : `peak ${peak} ${ofPlanned}`}
      title={held}
    />
  );
}

/** Tokens per second over all tests so far; null before the first. */
function speedOf({ promptTokens, promptSeconds, answerTokens, answerSeconds }: TestTime) {
  if (promptSeconds === 0) return null;
  return { read: promptTokens / promptSeconds, written: answerSeconds > 0 ? answerTokens / answerSeconds : 0 };
}

/** One bar per round, as long as its share of the steps and filled as they are done; below, the current phase. */
function Rounds({ run }: { run: PageRun }) {
  const { stepsPerRound: steps, progress, status, settings } = run;
  const shares = status === 'finished' ? steps.map(() => 1) : roundShares(run);
  const total = steps.reduce((sum, count) => sum + count, 0);
  const done = steps.reduce((sum, count, i) => sum + count * (shares[i] ?? 0), 0);
  const part = progress === null || progress.total === 0 ? 0 : progress.done / progress.total;
  const active = isActive(status);
  if (steps.length === 0 || settings === null) {
    return <ProgressBar label={phaseText(run)} share={part} />;
  }
  return (
    <div className="stack">
      <div
        className={styles.track}
        role="progressbar"
        aria-label="Training steps of the whole run"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={total === 0 ? 0 : Math.round((100 * done) / total)}
      >
        {namedRounds(settings).map(({ round, name }) => (
          <div
            key={round}
            className={styles.round}
            style={{ flexGrow: Math.max(steps[round - 1] ?? 0, 1) }}
            data-current={active && progress?.round === round}
          >
            <Filled share={shares[round - 1] ?? 0} />
            <span className={`second cut ${styles.learning}`} title={name}>
              {name}
            </span>
          </div>
        ))}
      </div>
      {active && progress !== null && progress.phase !== 'train' && (
        <ProgressBar label={phaseText(run)} share={part} isThin />
      )}
    </div>
  );
}
