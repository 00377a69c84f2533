import { explained, GorpError, reportOf } from '../base/errors.ts';
import type { MethodName } from '../methods/registry.ts';
import {
  embeddedMethod,
  embeddedSettings,
  type PresetName,
  publishedMethod,
  publishedOrderOf,
  publishedSettings,
} from '../run/presets.ts';
import type { RunEvent } from '../run/events.ts';
import type { Results } from '../run/results.ts';
import type { RunSettings } from '../run/settings.ts';
import { publishedOrder } from '../tasks/orders.ts';
import { withEndpoint } from '../weights/hub.ts';
import type { ModelAccess } from '../weights/source.ts';
import { createDeviceLook } from './device/device-look.ts';
import type { AskForDevice } from './device/look-worker.ts';
import type { Preferences } from './device/preferences.ts';
import { type Estimate, estimateOf } from './estimate/estimate.ts';
import type { Pace } from './estimate/pace.ts';
import { type RunHistory, runKey } from './history.ts';
import { budgetBytes } from './memory/budget.ts';
import type { AskForPlan } from './memory/plan-worker.ts';
import { createMemoryPlanner } from './memory/planner.ts';
import { createModelsActions, type ModelsActions, type ModelsParts } from './models/models-actions.ts';
import { openedRun } from './opened-run.ts';
import { applyEvents, isActive, type RunStatus, startingRun } from './run-state.ts';
import type { OpenSession, TrainingSession } from './session.ts';
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
  device: DeviceParts;
  pace: Pace;
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
  /** The models kept in this browser. */
  readonly models: ModelsActions;
  /** The hub to ask; its token is gone where that is another server. */
  readonly setHub: (endpoint: string) => void;
  readonly setToken: (token: string | null) => void;
  /** The files of a model that were picked. */
  readonly setFiles: (files: ModelAccess['files']) => void;
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
  readonly pause: () => void;
  readonly resume: () => void;
  readonly stop: () => void;
  readonly forget: (key: string) => Promise<void>;
  /** The whole results of a run of this browser; null where they cannot be had, and why is shown. */
  readonly resultsOf: (key: string) => Promise<Results | null>;
  /** Shows a run of this browser in Run and Ranks, as when it ended. */
  readonly openRun: (key: string) => Promise<void>;
}

export function createPage(parts: PageParts): Page {
  const { openSession, history, tasks, tableClient, theme, models, memory, device, pace } = parts;
  const store = createPageStore(theme, memory.budget, device.preferences);
  const { getState, setState } = store;
  const memoryPlanner = createMemoryPlanner(store, memory.ask);
  const deviceLook = createDeviceLook(store, device.ask);
  const taskActions = createTaskActions(store, tasks, tableClient);
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
  };

  const resultsOf = (key: string): Promise<Results | null> => {
    const { results } = getState().run;
    // The run that is shown may be one that the browser had no room for.
    return results !== null && runKey(results) === key
      ? Promise.resolve(results)
      : withHistory(() => history.open(key));
  };

  const flush = (): void => {
    timer = null;
    const events = waiting;
    waiting = [];
    setState(({ run }) => ({ run: applyEvents(run, events) }));
    if (session !== null && !isActive(getState().run.status)) {
      session.close();
      session = null;
      void keep();
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

  return {
    store,
    models: createModelsActions(store, models),
    load: async () => {
      memoryPlanner.watch();
      deviceLook.watch();
      await Promise.all([refreshHistory(), taskActions.load()]);
    },
    edit: (change) => setState(({ draft }) => ({ draft: change(draft), refused: null })),
    setHub: (endpoint) => changeAccess(({ hub }) => ({ hub: withEndpoint(hub, endpoint) })),
    setToken: (token) => changeAccess(({ hub }) => ({ hub: { ...hub, token } })),
    setFiles: (files) => changeAccess(() => ({ files })),
    lookUp: memoryPlanner.lookUp,
    choosePreset: (preset) =>
      setState(({ draft }) => {
        const next = embeddedSettings(preset, draft.method.name);
        return { draft: { ...next, training: { ...next.training, seed: draft.training.seed } }, refused: null };
      }),
    chooseMethod: (method) =>
      setState(({ draft }) => {
        const order = publishedOrderOf(draft);
        const chosen = order === null ? embeddedMethod(method) : publishedMethod(order, method);
        return { draft: { ...draft, method: chosen }, refused: null };
      }),
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
      const { device: chosen, keepAwake, gpuShare } = getState();
      device.keep({ device: chosen, keepAwake, gpuShare });
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
        settings = checkedSettings(getState().draft, getState().taskData);
      } catch (error) {
        setState({ refused: reportOf(error) });
        return;
      }
      const { access, device: choice, everyRound, resumePoint, taskData, memoryBudget: budget, gpuShare } = getState();
      estimate = estimateOf(getState(), pace);
      setState(({ view }) => ({
        run: startingRun(settings),
        refused: null,
        resumePoint: null,
        view: { ...view, selected: null, tab: view.tab === 'ranks' ? 'ranks' : 'run' },
      }));
      session = openSession(receive);
      const tasks = pageTasksOf(settings, taskData);
      const rounds = { everyRound, resumes: resumePoint !== null };
      session.send({
        type: 'start',
        settings,
        device: choice,
        access,
        tasks,
        rounds,
        memoryBudget: budgetBytes(budget),
        gpuShare: gpuShare / 100,
      });
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
    stop: () => {
      const { status } = getState().run;
      if (!isActive(status) || status === 'stopping') return;
      setStatus('stopping');
      session?.send({ type: 'stop' });
    },
    forget: async (key) => {
      await withHistory(() => history.remove(key));
    },
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
