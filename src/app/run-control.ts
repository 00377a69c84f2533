import { reportOf } from '../base/errors.ts';
import type { Milestone } from '../run/control.ts';
import type { RunEvent } from '../run/events.ts';
import type { RunSettings } from '../run/settings.ts';
import { type Estimate, estimateOf } from './estimate/estimate.ts';
import type { Pace } from './estimate/pace.ts';
import { budgetBytes } from './memory/budget.ts';
import { applyEvents, isActive, type RunState, type RunStatus, startingRun } from './run-state.ts';
import type { OpenSession, TrainingSession } from './session.ts';
import { checkedSettings } from './setup/validate.ts';
import type { PageStore } from './store.ts';
import { pageTasksOf } from './tasks/sources.ts';

/** Events are shown in batches this far apart, however fast they come. Milliseconds. */
export const BATCH_MS = 80;

/** What a person can do with the run that goes on, and how one is started. */
export interface RunActions {
  readonly start: () => void;
  /** Goes on with the run that was broken off, at its last checkpoint and with its settings. */
  readonly goOnAtCheckpoint: () => void;
  /** Saves a checkpoint of the run that goes on, as soon as can be. */
  readonly saveNow: () => void;
  readonly pause: () => void;
  readonly resume: () => void;
  /** Goes on to the end of the next optimizer step or of the round, and pauses there. */
  readonly goOnTo: (milestone: Milestone) => void;
  readonly stop: () => void;
}

/** How a run begins. */
export interface Beginning {
  /** Whether it resumes from the last saved round. */
  readonly resumes: boolean;
  /** The checkpoint's folder that it goes on from; null where it begins. */
  readonly from: string | null;
  /** How long it is thought to take; null where nothing is known. */
  readonly estimated: Estimate | null;
}

export interface RunControl {
  /** Starts a worker on a run, whoever asked for it. */
  readonly begin: (settings: RunSettings, beginning: Beginning) => void;
  readonly actions: RunActions;
}

/** What runs need from outside. */
export interface RunParts {
  readonly openSession: OpenSession;
  readonly pace: Pace;
  /** Told of a run that has ended, when its worker is closed. */
  readonly onEnd: (run: RunState) => void;
}

/** One run at a time, in a worker of its own. */
export function createRunControl(store: PageStore, { openSession, pace, onEnd }: RunParts): RunControl {
  const { getState, setState } = store;
  let session: TrainingSession | null = null;
  /** What was estimated of the run that goes on. */
  let estimate: Estimate | null = null;
  let waiting: RunEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | null = null;

  const setStatus = (status: RunStatus): void => setState(({ run }) => ({ run: { ...run, status } }));

  const flush = (): void => {
    timer = null;
    const events = waiting;
    waiting = [];
    setState(({ run }) => ({ run: applyEvents(run, events) }));
    if (session !== null && !isActive(getState().run.status)) {
      session.close();
      session = null;
      const { run } = getState();
      if (run.results?.status === 'finished' && estimate?.plainSeconds)
        pace.note(estimate.device, run.results.settings.model, run.results.seconds / estimate.plainSeconds);
      onEnd(run);
    }
  };

  const receive = (event: RunEvent): void => {
    waiting.push(event);
    // The end is not waited for: in a hidden tab timers may be a minute late, and the worker holds memory until then.
    if (event.type === 'finished' || event.type === 'stopped' || event.type === 'failed') {
      if (timer !== null) clearTimeout(timer);
      flush();
    } else timer ??= setTimeout(flush, BATCH_MS);
  };

  const begin = (settings: RunSettings, { resumes, from, estimated }: Beginning): void => {
    const { access, device, everyRound, taskData, memoryBudget, gpuShare, checkpointMinutes } = getState();
    estimate = estimated;
    setState(({ view }) => ({
      run: startingRun(settings),
      refused: null,
      interrupted: null,
      view: { ...view, selected: null },
    }));
    session = openSession(receive);
    session.send({
      type: 'start',
      settings,
      device,
      access,
      tasks: pageTasksOf(settings, taskData),
      rounds: { everyRound, resumes },
      checkpoints: { everySeconds: checkpointMinutes * 60, from },
      memoryBudget: budgetBytes(memoryBudget),
      gpuShare: gpuShare / 100,
    });
  };

  /** Begins by the person's own act: the run is shown, and what speaks against it too. */
  const beginShown = (work: () => void): void => {
    if (isActive(getState().run.status)) return;
    try {
      work();
    } catch (error) {
      setState({ refused: reportOf(error) });
      return;
    }
    setState(({ view }) => ({ resumePoint: null, view: { ...view, tab: view.tab === 'ranks' ? 'ranks' : 'run' } }));
  };

  const actions: RunActions = {
    start: () =>
      beginShown(() => {
        const { draft, taskData, modelModules, resumePoint } = getState();
        const settings = checkedSettings(draft, taskData, modelModules);
        begin(settings, { resumes: resumePoint !== null, from: null, estimated: estimateOf(getState(), pace) });
      }),
    goOnAtCheckpoint: () => {
      const { interrupted, taskData } = getState();
      if (interrupted === null) return;
      beginShown(() => {
        const settings = checkedSettings(interrupted.settings, taskData);
        setState({ draft: interrupted.settings });
        begin(settings, { resumes: false, from: interrupted.folder, estimated: estimateOf(getState(), pace) });
      });
    },
    saveNow: () => {
      if (isActive(getState().run.status)) session?.send({ type: 'save' });
    },
    pause: () => {
      if (getState().run.status !== 'running') return;
      setStatus('pausing');
      session?.send({ type: 'pause' });
    },
    resume: () => {
      if (getState().run.status !== 'paused') return;
      session?.send({ type: 'resume' });
    },
    goOnTo: (milestone) => {
      const { status } = getState().run;
      if (status === 'running' || status === 'paused') session?.send({ type: 'go-on-to', milestone });
    },
    stop: () => {
      const { status } = getState().run;
      if (!isActive(status) || status === 'stopping') return;
      setStatus('stopping');
      session?.send({ type: 'stop' });
    },
  };
  return { begin, actions };
}
