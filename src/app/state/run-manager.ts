import { type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import { tokenizerTooSlow } from '../../base/tokenizer-config.ts';
import { isEnd, type RunEvent, SILENCE_MS } from '../../run/events/events.ts';
import type { Milestone } from '../../run/learning/control.ts';
import { type RunLabel, labelOf, withLabel } from '../../run/results/results.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { parseModelReference } from '../../weights/model-reference.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { StoredCheckpoint, WorkerCommand } from '../../worker/protocol.ts';
import { refuseWhileMeasuring } from './device.ts';
import { type Estimate, estimateOf, paceOf, type TimeCorrections } from './estimate.ts';
import { checkedLabel, otherNames, runKey } from './history.ts';
import { budgetBytes } from './preferences.ts';
import { applyEvents, canKeep, isActive, type PageRun, type RunStatus, startingRun } from './run-state.ts';
import { openSession as openWorker, TOKENIZER_SECONDS, type WorkerSession } from './session.ts';
import { formWith } from './set-up-form.ts';
import type { PageStore } from './store.ts';
import { pageTasksOf } from './task-store.ts';
import { checkedSettings } from './validate.ts';

/** Milliseconds between batches of events shown, however fast they arrive. */
export const BATCH_MS = 80;

/** Actions on the current run, and the start of another. */
export interface RunActions {
  readonly start: () => void;
  /** Resumes an unfinished run from its last checkpoint, with its settings. */
  readonly resumeFromCheckpoint: (checkpoint: StoredCheckpoint) => void;
  /** Saves a checkpoint of the current run as soon as possible. */
  readonly saveNow: () => void;
  readonly pause: () => void;
  readonly resume: () => void;
  /** Runs to the end of the next optimizer step or of the round, then pauses. */
  readonly continueTo: (milestone: Milestone) => void;
  /** Ends the run at the next place where nothing is lost; called once more, at once. */
  readonly stop: () => void;
  /** Ends the round with what it has learned until now, tests and saves it, and then stops. */
  readonly stopAndKeep: () => void;
  /** Names a run: the current one, or one that is stored. Returns why if that is not possible. */
  readonly labelRun: (key: string, label: RunLabel) => Promise<ErrorReport | null>;
}

/** How a run begins. */
interface RunStart {
  /** The key of the stored model that the run teaches; null for a base model. */
  readonly teaches: string | null;
  /** The folder of the checkpoint to resume from; null for none. */
  readonly from: string | null;
  /** The estimated duration; null if unknown. */
  readonly estimated: Estimate | null;
}

interface RunManager {
  /** Starts a worker on a run, whoever requested it. */
  readonly begin: (settings: RunSettings, beginning: RunStart) => void;
  readonly actions: RunActions;
}

/** Parts that runs need from outside. */
interface RunParts {
  readonly openSession: OpenSession;
  readonly pace: TimeCorrections;
  /** Called with the ended run after its worker is closed. */
  readonly onEnd: (run: PageRun) => void;
  /** Names a stored run. */
  readonly labelStored: RunActions['labelRun'];
}

/** One run at a time, in a worker of its own. */
export function createRunManager(store: PageStore, { openSession, pace, onEnd, labelStored }: RunParts): RunManager {
  const { getState, setState } = store;
  let session: TrainingSession | null = null;
  /** The estimate for the current run. */
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
      const ratio = run.results && estimate ? paceOf(run.results, estimate.plainSeconds) : null;
      if (ratio !== null && estimate) pace.note(estimate.device, run.results?.settings.model ?? '', ratio);
      onEnd(run);
    }
  };

  const receive = (event: RunEvent): void => {
    waiting.push(event);
    // Show the end at once: in a hidden tab timers may be a minute late, and the worker holds memory until then.
    if (isEnd(event)) {
      if (timer !== null) clearTimeout(timer);
      flush();
    } else timer ??= setTimeout(flush, BATCH_MS);
  };

  const begin = (settings: RunSettings, { teaches, from, estimated }: RunStart): void => {
    const { access, device, everyTask, keepsTests, userTasks, memoryBudget, gpuShare, checkpointMinutes } = getState();
    requireFiles(settings, access);
    estimate = estimated;
    const label = labelOfCheckpoint(from);
    setState(({ view, unfinished }) => ({
      run: startingRun(settings),
      refused: null,
      // The others are offered as soon as this run ends: a notice that came later would move what a person clicks.
      unfinished: unfinished.filter(({ folder }) => folder !== from),
      view: { ...view, selected: null },
    }));
    session = openSession(receive);
    session.send({
      type: 'start',
      settings,
      device,
      access,
      tasks: pageTasksOf(settings, userTasks),
      teaches: { from: teaches, everyTask, keepsTests },
      checkpoints: { everySeconds: checkpointMinutes * 60, from },
      memoryBudget: budgetBytes(memoryBudget),
      gpuShare: gpuShare / 100,
    });
    if (label !== null) session.send({ type: 'label', label });
  };

  /** The present name of the stored run that a checkpoint belongs to; null if the checkpoint's own label holds. */
  const labelOfCheckpoint = (from: string | null): RunLabel | null => {
    const { unfinished, history } = getState();
    const id = unfinished.find(({ folder }) => folder === from)?.id;
    const stored = id === undefined ? undefined : history.find((run) => runKey(run) === id);
    return stored === undefined ? null : labelOf(stored);
  };

  /** Names the current run: its worker saves the name with what it saves next. */
  const labelCurrent = (key: string, wanted: RunLabel): ErrorReport | null => {
    try {
      const label = checkedLabel(wanted, otherNames(key, getState().history));
      session?.send({ type: 'label', label });
      setState(({ run }) => ({ run: run.results === null ? run : { ...run, results: withLabel(run.results, label) } }));
      return null;
    } catch (error) {
      return reportOf(error);
    }
  };

  /** Starts a run that the person requested, and shows the run or the reason why it is refused. */
  const beginShown = (work: () => void): void => {
    if (isActive(getState().run.status)) return;
    try {
      refuseWhileMeasuring(getState());
      work();
    } catch (error) {
      setState({ refused: reportOf(error) });
      return;
    }
    setState(({ view }) => ({ view: { ...view, tab: view.tab === 'ranks' ? 'ranks' : 'run' } }));
  };

  const actions: RunActions = {
    start: () =>
      beginShown(() => {
        const { draft, userTasks, modelModules, teaches } = getState();
        const settings = checkedSettings(draft, userTasks, modelModules, teaches);
        begin(settings, { teaches: teaches?.key ?? null, from: null, estimated: estimateOf(getState(), pace) });
      }),
    resumeFromCheckpoint: (checkpoint) => {
      beginShown(() => {
        const { settings, results } = checkpoint;
        const { teaches, userTasks } = getState();
        // The texts of what its model was taught before are not needed.
        const { tasks = 0 } = results.taughtBefore ?? {};
        const draft = { ...settings, order: settings.order.slice(tasks) };
        checkedSettings(draft, userTasks);
        const isSame = teaches?.model.lessons.map(({ name }) => name).join() === settings.order.slice(0, tasks).join();
        setState(isSame ? { draft, modelDefaults: null, refused: null } : formWith(settings));
        begin(settings, { teaches: null, from: checkpoint.folder, estimated: null });
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
    continueTo: (milestone) => {
      const { status } = getState().run;
      if (status === 'running' || status === 'paused') session?.send({ type: 'go-on-to', milestone });
    },
    stop: () => {
      const { status } = getState().run;
      if (!isActive(status)) return;
      setStatus('stopping');
      session?.send({ type: 'stop' });
    },
    stopAndKeep: () => {
      const { run } = getState();
      if (!canKeep(run)) return;
      setStatus('keeping');
      session?.send({ type: 'stop-and-keep' });
    },
    labelRun: async (key, label) => {
      const { status, results } = getState().run;
      const isCurrent = isActive(status) && results !== null && runKey(results) === key;
      return isCurrent ? labelCurrent(key, label) : labelStored(key, label);
    },
  };
  return { begin, actions };
}

/** @throws GorpError `settings/files-again` if a model's files have to be given again. */
function requireFiles({ model }: RunSettings, { picked }: ModelAccess): void {
  const reference = parseModelReference(model);
  if (reference?.kind !== 'picked' || picked.has(reference.name)) return;
  throw new GorpError(
    'settings/files-again',
    `The files of ${reference.name} are not at hand: a page loses them when it reloads, and a model that somebody shared comes without its base.`,
    `Drop ${reference.name} anywhere on the page, or choose its files in the form, then start again. There the browser can keep a copy.`,
  );
}

/** A training worker. The page uses only this interface, so that tests can replace it with a script. */
export type TrainingSession = WorkerSession<WorkerCommand>;

/** Opens a session whose events go to `onEvent`. Faults of the worker itself arrive as a `failed` event. */
export type OpenSession = (onEvent: (event: RunEvent) => void) => TrainingSession;

/** A session in a Web Worker: one worker for one run. */
export const openWorkerSession: OpenSession = (onEvent) =>
  openWorker<WorkerCommand, RunEvent>(
    () => new Worker(new URL('../../worker/train.ts', import.meta.url), { type: 'module', name: 'training' }),
    {
      name: 'The training worker',
      nextStep: 'Reload the page and start again. If it happens again, choose a smaller batch or a smaller model.',
      onEvent,
    },
  );

const TICK_MS = 1000;

const STOOD_STILL = `The training worker gave no sign of life for ${SILENCE_MS / 1000} seconds after Stop, so the page ended it.`;
const ENDED = 'The training worker was ended before it could save what it had learned since the last checkpoint.';

/**
 * Sessions that end their worker as a last resort: if it gives no sign of life after Stop, if Stop is sent once more, or
 * if the model's tokenizer hangs on a text. What it has reported until then is the result of the run. A worker that
 * stands still cannot do this itself, since it receives no messages.
 */
export const watched =
  (open: OpenSession): OpenSession =>
  (onEvent) =>
    new WatchedSession(open, onEvent);

class WatchedSession implements TrainingSession {
  readonly #session: TrainingSession;
  readonly #onEvent: (event: RunEvent) => void;
  #hasBegun = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #model = '';
  #isTokenizing = false;
  /** Seconds since the last event, not counting time in which the machine sleeps. */
  #silent = 0;
  #isStopping = false;

  constructor(open: OpenSession, onEvent: (event: RunEvent) => void) {
    this.#onEvent = onEvent;
    this.#session = open((event) => this.#hear(event));
  }

  readonly send = (command: WorkerCommand): void => {
    if (command.type === 'start') {
      this.#model = command.settings.model;
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    } else if (command.type === 'stop') {
      if (this.#isStopping) return this.#end(ENDED);
      [this.#isStopping, this.#silent] = [true, 0];
    }
    this.#session.send(command);
  };

  readonly close = (): void => {
    clearInterval(this.#timer);
    this.#session.close();
  };

  #hear(event: RunEvent): void {
    this.#silent = 0;
    this.#isTokenizing = event.type === 'progress' && event.phase === 'tokenize';
    this.#hasBegun ||= event.type === 'begin';
    if (isEnd(event)) clearInterval(this.#timer);
    this.#onEvent(event);
  }

  #tick(): void {
    this.#silent += TICK_MS / 1000;
    if (this.#isStopping) {
      if (this.#silent >= SILENCE_MS / 1000) this.#end(STOOD_STILL);
    } else if (this.#isTokenizing && this.#silent >= TOKENIZER_SECONDS) {
      this.#fail(tokenizerTooSlow(this.#model, TOKENIZER_SECONDS));
    }
  }

  #end(why: string): void {
    if (!this.#hasBegun) {
      this.#fail(new GorpError('worker/no-answer', why, 'Nothing had been measured yet: start again.'));
      return;
    }
    this.close();
    this.#onEvent({ type: 'warning', message: `${why} The results hold what was measured until then.` });
    this.#onEvent({ type: 'stopped' });
  }

  #fail(error: GorpError): void {
    this.close();
    this.#onEvent({ type: 'failed', error: reportOf(error) });
  }
}
