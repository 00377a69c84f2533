import { explained, GorpError, reportOf } from '../base/errors.ts';
import type { MethodName } from '../methods/registry.ts';
import { embeddedSettings, type PresetName, publishedSettings } from '../run/presets.ts';
import type { Milestone } from '../run/control.ts';
import type { RunEvent } from '../run/events.ts';
import type { Results } from '../run/results.ts';
import type { RunSettings } from '../run/settings.ts';
import { publishedOrder } from '../tasks/orders.ts';
import { withEndpoint } from '../weights/hub.ts';
import { FAMILY_MODULES } from '../run/trained-modules.ts';
import { embeddedModel } from '../weights/embedded-models.ts';
import type { ModelAccess } from '../weights/source.ts';
import type { CheckpointsCommand, KeptCheckpoint } from '../worker/protocol.ts';
import type { AskForCheckpoints } from './checkpoints/ask.ts';
import { type CompareActions, createCompareActions } from './compare/compare-actions.ts';
import { createDeviceLook } from './device/device-look.ts';
import type { AskForDevice } from './device/look-worker.ts';
import type { Preferences } from './device/preferences.ts';
import { type Estimate, estimateOf } from './estimate/estimate.ts';
import type { Pace } from './estimate/pace.ts';
import { createHandOver, type HandOverActions, type PageAddress } from './handover/handover.ts';
import { type RunHistory, runKey } from './history.ts';
import { budgetBytes } from './memory/budget.ts';
import type { AskForPlan } from './memory/plan-worker.ts';
import { createMemoryPlanner } from './memory/planner.ts';
import { createModelsActions, type ModelsActions, type ModelsParts } from './models/models-actions.ts';
import { openedRun } from './opened-run.ts';
import { applyEvents, isActive, type RunStatus, startingRun } from './run-state.ts';
import type { OpenSession, TrainingSession } from './session.ts';
import { createQueue, type QueueActions } from './queue/queue-actions.ts';
import type { QueuePlace } from './queue/queue-place.ts';
import { withMethod } from './queue/expand.ts';
import { createPreviewer, type Previewer } from './preview/previewer.ts';
import type { AskForPreview } from './preview/preview-worker.ts';
import { checkedSettings } from './setup/validate.ts';
import { createPageStore, type PageStore, type View } from './store.ts';
import { createTaskActions, type TaskActions } from './tasks/actions.ts';
import { pageTasksOf } from './tasks/sources.ts';
import type { TableClient } from './tasks/table-client.ts';
import type { TaskStore } from './tasks/task-store.ts';
import type { Theme } from './theme.ts';

/** Events are shown in batches this far apart, however fast they come. Milliseconds. */
export const BATCH_MS = 80;

/** What the page needs from outside. */
export interface PageParts {
  openSession: OpenSession;
  history: RunHistory;
  tasks: TaskStore;
  tableClient: TableClient;
  theme: Theme;
  models: ModelsParts;
  memory: MemoryParts;
  askForPreview: AskForPreview;
  device: DeviceParts;
  pace: Pace;
  checkpoints: AskForCheckpoints;
  queue: QueuePlace;
  address: PageAddress;
}

/** Where devices are looked for, and choices about this machine are kept. */
export interface DeviceParts {
  ask: AskForDevice;
  preferences: Preferences;
  keep: (preferences: Preferences) => void;
}

/** Where plans of memory are made, and the budget is kept. */
export interface MemoryParts {
  ask: AskForPlan;
  budget: number | null;
  keep: (budget: number | null) => void;
}

/** Everything a person can do on the page, over one store. */
export interface Page {
  readonly store: PageStore;
  /** Looks for the device, and reads tasks and earlier runs. */
  readonly load: () => Promise<void>;
  readonly edit: (change: (draft: RunSettings) => RunSettings) => void;
  /** Another model, trained in the layers that its family gives. */
  readonly chooseModel: (model: string) => void;
  /** The models kept in this browser. */
  readonly models: ModelsActions;
  /** The hub to ask; its token is gone where that is another server. */
  readonly setHub: (endpoint: string) => void;
  readonly setToken: (token: string | null) => void;
  /** The files of a model that were picked. */
  readonly setFiles: (files: ModelAccess['files']) => void;
  /** The example that the model would read first. */
  readonly preview: Previewer;
  /** Asks the hub or server of the model for its config, to plan memory. Before a start nothing else asks. */
  readonly lookUp: () => void;
  readonly choosePreset: (preset: PresetName) => void;
  /** A published order by its id, with its settings; the method stays. */
  readonly chooseOrder: (id: string) => void;
  readonly chooseMethod: (method: MethodName) => void;
  /** Custom tasks, the CL_Benchmark folder, order files. */
  readonly tasks: TaskActions;
  readonly look: (change: Partial<View>) => void;
  readonly prefer: (change: Partial<Preferences>) => void;
  /** Looks for the device again. */
  readonly lookAgain: () => void;
  /** How long earlier runs took, beside their estimates. */
  readonly pace: Pace;
  /** GiB of memory that runs may take; null for no limit. */
  readonly setMemoryBudget: (budget: number | null) => void;
  /** Whether the weights of every round are kept by the next run. */
  readonly keepEveryRound: (everyRound: boolean) => void;
  /** Lets the next run resume from a kept round, with its settings; null begins anew. */
  readonly resumeFrom: (last: { round: number; settings: RunSettings } | null) => void;
  readonly start: () => void;
  /** Goes on with the run that was broken off, at its last checkpoint and with its settings. */
  readonly goOnAtCheckpoint: () => void;
  /** Removes what is kept of the run that was broken off. */
  readonly dropCheckpoint: () => void;
  /** Saves a checkpoint of the run that goes on, as soon as can be. */
  readonly saveNow: () => void;
  readonly pause: () => void;
  readonly resume: () => void;
  /** Goes on to the end of the next optimizer step or of the round, and pauses there. */
  readonly goOnTo: (milestone: Milestone) => void;
  readonly stop: () => void;
  readonly forget: (key: string) => Promise<void>;
  /** The whole results of a run of this browser; null where they cannot be had, and why is shown. */
  readonly resultsOf: (key: string) => Promise<Results | null>;
  /** Shows a run of this browser in Run and Ranks, as when it ended. */
  readonly openRun: (key: string) => Promise<void>;
  /** Several runs laid over each other, and handed on. */
  readonly compare: CompareActions;
  /** Runs that are started one after another. */
  readonly queue: QueueActions;
  /** The set-up as a link or a file, and those of others. */
  readonly handOver: HandOverActions;
}

/** How a run begins. */
interface Beginning {
  /** Whether it resumes from the last saved round. */
  readonly resumes: boolean;
  /** The checkpoint's folder that it goes on from; null where it begins. */
  readonly from: string | null;
  /** How long it is thought to take; null where nothing is known. */
  readonly estimated: Estimate | null;
}

export function createPage(parts: PageParts): Page {
  const {
    openSession,
    history,
    tasks,
    tableClient,
    theme,
    models,
    memory,
    device,
    pace,
    checkpoints,
    queue: place,
    address,
  } = parts;
  const store = createPageStore(theme, memory.budget, device.preferences);
  const { getState, setState } = store;
  const memoryPlanner = createMemoryPlanner(store, memory.ask);
  const deviceLook = createDeviceLook(store, device.ask);
  const taskActions = createTaskActions(store, tasks, tableClient);
  const handOver = createHandOver(store, address);
  let session: TrainingSession | null = null;
  /** What was estimated of the run that goes on. */
  let estimate: Estimate | null = null;
  let waiting: RunEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | null = null;

  const changeAccess = (change: (access: ModelAccess) => Partial<ModelAccess>): void =>
    setState(({ access }) => ({ access: { ...access, ...change(access) }, refused: null }));

  const setStatus = (status: RunStatus): void => setState(({ run }) => ({ run: { ...run, status } }));

  const refreshHistory = async (): Promise<void> => {
    try {
      setState({ history: await history.list(), historyProblem: null });
    } catch (error) {
      setState({ historyProblem: reportOf(error).message });
    }
  };

  /** What `work` gives, and the history as it is then; null where it fails, which is told. */
  const withHistory = async <T>(work: () => Promise<T>): Promise<T | null> => {
    let problem: string | null = null;
    const done = await work().catch((error: unknown) => {
      problem = error instanceof GorpError ? explained(error) : reportOf(error).message;
      return null;
    });
    await refreshHistory();
    if (problem !== null) setState({ historyProblem: problem });
    return done;
  };

  const keep = async (): Promise<void> => {
    const { results } = getState().run;
    if (results?.status === 'finished' && estimate?.plainSeconds)
      pace.note(estimate.device, results.settings.model, results.seconds / estimate.plainSeconds);
    if (results !== null) await withHistory(() => history.add(results));
    await lookForCheckpoint();
  };

  /** Whether a run has come to its end, and is kept: it needs no checkpoint any more. */
  const isFinished = ({ id }: KeptCheckpoint): boolean =>
    id !== undefined && getState().history.some((run) => run.id === id && run.status === 'finished');

  /** Shows the run in the middle that this browser keeps. @param command may remove one before. */
  const lookForCheckpoint = async (command: CheckpointsCommand = { type: 'find' }): Promise<void> => {
    let found = await checkpoints(command);
    while (found !== null && isFinished(found)) found = await checkpoints({ type: 'drop', folder: found.folder });
    if (!isActive(getState().run.status)) setState({ interrupted: found });
  };

  const resultsOf = (key: string): Promise<Results | null> => {
    const { results } = getState().run;
    // The run that is shown may be one that the browser had no room for.
    return results !== null && runKey(results) === key
      ? Promise.resolve(results)
      : withHistory(() => history.open(key));
  };

  const compare = createCompareActions(store, {
    resultsOf,
    add: async (results) => {
      await history.add(results);
      await refreshHistory();
    },
  });

  const flush = (): void => {
    timer = null;
    const events = waiting;
    waiting = [];
    setState(({ run }) => ({ run: applyEvents(run, events) }));
    if (session !== null && !isActive(getState().run.status)) {
      session.close();
      session = null;
      const { run } = getState();
      void keep().then(() => queue.ended(run));
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

  /** Starts a worker on a run. */
  const begin = (settings: RunSettings, { resumes, from, estimated }: Beginning): void => {
    const { access, device: choice, everyRound, taskData, memoryBudget: budget, gpuShare } = getState();
    const { checkpointMinutes } = getState();
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
      device: choice,
      access,
      tasks: pageTasksOf(settings, taskData),
      rounds: { everyRound, resumes },
      checkpoints: { everySeconds: checkpointMinutes * 60, from },
      memoryBudget: budgetBytes(budget),
      gpuShare: gpuShare / 100,
    });
  };

  /** After a run has begun by the person's own act: where it is seen. */
  const showRun = (): void =>
    setState(({ view }) => ({ resumePoint: null, view: { ...view, tab: view.tab === 'ranks' ? 'ranks' : 'run' } }));

  const queue = createQueue(store, {
    place,
    begin: (settings) => {
      const { interrupted, taskData } = getState();
      // A run of the queue that was broken off goes on where it was.
      const isSame = interrupted !== null && JSON.stringify(interrupted.settings) === JSON.stringify(settings);
      try {
        // Its estimate was made with the plan of another method: it says nothing of the device's pace.
        const from = isSame ? interrupted.folder : null;
        begin(checkedSettings(settings, taskData), { resumes: false, from, estimated: null });
        return null;
      } catch (error) {
        return reportOf(error);
      }
    },
    estimate: (settings) => estimateOf({ ...getState(), draft: settings, resumePoint: null }, pace)?.seconds ?? null,
  });

  return {
    store,
    models: createModelsActions(store, models),
    load: async () => {
      memoryPlanner.watch();
      deviceLook.watch();
      await Promise.all([refreshHistory().then(() => lookForCheckpoint()), taskActions.load()]);
      handOver.readAddress();
      queue.load();
    },
    edit: (change) => setState(({ draft }) => ({ draft: change(draft), refused: null })),
    chooseModel: (model) =>
      setState(({ draft }) => {
        const training = { ...draft.training, ...FAMILY_MODULES };
        return { draft: { ...draft, model, training }, refused: null };
      }),
    setHub: (endpoint) => changeAccess(({ hub }) => ({ hub: withEndpoint(hub, endpoint) })),
    setToken: (token) => changeAccess(({ hub }) => ({ hub: { ...hub, token } })),
    setFiles: (files) => changeAccess(() => ({ files })),
    preview: createPreviewer(store, parts.askForPreview),
    lookUp: memoryPlanner.lookUp,
    choosePreset: (preset) =>
      setState(({ draft }) => {
        const next = embeddedSettings(preset, draft.method.name, embeddedModel(draft.model)?.reference);
        return { draft: { ...next, training: { ...next.training, seed: draft.training.seed } }, refused: null };
      }),
    chooseMethod: (method) => setState(({ draft }) => ({ draft: withMethod(draft, method), refused: null })),
    chooseOrder: (id) => {
      const order = publishedOrder(id);
      if (order === undefined) return;
      setState(({ draft: { model, tasks: source, method }, taskData }) => ({
        draft: {
          model,
          tasks: source === 'embedded' && taskData.folder !== null ? 'picked' : source,
          ...publishedSettings(order, method.name),
        },
        refused: null,
      }));
    },
    tasks: taskActions,
    look: (change) => setState(({ view }) => ({ view: { ...view, ...change } })),
    pace,
    lookAgain: deviceLook.again,
    prefer: (change) => {
      setState({ ...change, refused: null });
      const { device: chosen, keepAwake, checkpointMinutes, gpuShare } = getState();
      device.keep({ device: chosen, keepAwake, checkpointMinutes, gpuShare });
    },
    setMemoryBudget: (memoryBudget) => {
      memory.keep(memoryBudget);
      setState({ memoryBudget, refused: null });
    },
    keepEveryRound: (everyRound) => setState({ everyRound }),
    resumeFrom: (last) =>
      setState(({ draft }) => ({
        draft: last?.settings ?? draft,
        resumePoint: last && { round: last.round },
        refused: null,
      })),
    start: () => {
      if (isActive(getState().run.status)) return;
      let settings: RunSettings;
      try {
        settings = checkedSettings(getState().draft, getState().taskData, getState().modelModules);
      } catch (error) {
        setState({ refused: reportOf(error) });
        return;
      }
      begin(settings, {
        resumes: getState().resumePoint !== null,
        from: null,
        estimated: estimateOf(getState(), pace),
      });
      showRun();
    },
    goOnAtCheckpoint: () => {
      const { interrupted, run, taskData } = getState();
      if (interrupted === null || isActive(run.status)) return;
      try {
        const settings = checkedSettings(interrupted.settings, taskData);
        setState({ draft: interrupted.settings });
        begin(settings, { resumes: false, from: interrupted.folder, estimated: estimateOf(getState(), pace) });
        showRun();
      } catch (error) {
        setState({ refused: reportOf(error) });
      }
    },
    dropCheckpoint: () => {
      const { interrupted } = getState();
      if (interrupted !== null) void lookForCheckpoint({ type: 'drop', folder: interrupted.folder });
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
    forget: async (key) => {
      await compare.tick(key, false);
      await withHistory(() => history.remove(key));
    },
    compare,
    queue,
    handOver,
    resultsOf,
    openRun: async (key) => {
      const results = await resultsOf(key);
      // A run may have been started while it was read.
      if (results === null || isActive(getState().run.status)) return;
      setState(({ view }) => ({
        run: openedRun(results),
        refused: null,
        view: { ...view, selected: null, tab: 'run' },
      }));
    },
  };
}
