import { reportOf } from '../base/errors.ts';
import type { AskForCheckpoints } from './checkpoints/ask.ts';
import { createInterruptedRun } from './checkpoints/interrupted.ts';
import { type CompareActions, createCompareActions } from './compare/compare-actions.ts';
import { createDeviceLook } from './device/device-look.ts';
import type { AskForDevice } from './device/look-worker.ts';
import type { Preferences } from './device/preferences.ts';
import { estimateOf } from './estimate/estimate.ts';
import type { Pace } from './estimate/pace.ts';
import { createHandOver, type HandOverActions, type PageAddress } from './handover/handover.ts';
import { createPageHistory, type HistoryActions } from './history-actions.ts';
import type { RunHistory } from './history.ts';
import type { AskForPlan } from './memory/plan-worker.ts';
import { createMemoryPlanner } from './memory/planner.ts';
import { createModelsActions, type ModelsActions, type ModelsParts } from './models/models-actions.ts';
import { createPreviewer, type Previewer } from './preview/previewer.ts';
import type { AskForPreview } from './preview/preview-worker.ts';
import { createQueue, type QueueActions } from './queue/queue-actions.ts';
import type { QueuePlace } from './queue/queue-place.ts';
import { createRunControl, type RunActions } from './run-control.ts';
import type { RunState } from './run-state.ts';
import type { OpenSession } from './session.ts';
import { createSetUpActions, type SetUpActions } from './setup/setup-actions.ts';
import { checkedSettings } from './setup/validate.ts';
import { createPageStore, type PageStore, type View } from './store.ts';
import { createTaskActions, type TaskActions } from './tasks/actions.ts';
import type { TableClient } from './tasks/table-client.ts';
import type { TaskStore } from './tasks/task-store.ts';
import type { Theme } from './theme.ts';

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
export interface Page extends SetUpActions, RunActions, HistoryActions {
  readonly store: PageStore;
  /** Looks for the device, and reads tasks and earlier runs. */
  readonly load: () => Promise<void>;
  readonly look: (change: Partial<View>) => void;
  /** The models kept in this browser. */
  readonly models: ModelsActions;
  /** The example that the model would read first. */
  readonly preview: Previewer;
  /** Asks the hub or server of the model for its config, to plan memory. Before a start nothing else asks. */
  readonly lookUp: () => void;
  /** Custom tasks, the CL_Benchmark folder, order files. */
  readonly tasks: TaskActions;
  /** Looks for the device again. */
  readonly lookAgain: () => void;
  /** How long earlier runs took, beside their estimates. */
  readonly pace: Pace;
  /** Removes what is kept of the run that was broken off. */
  readonly dropCheckpoint: () => void;
  /** Removes a run of this browser. */
  readonly forget: (key: string) => Promise<void>;
  /** Several runs laid over each other, and handed on. */
  readonly compare: CompareActions;
  /** Runs that are started one after another. */
  readonly queue: QueueActions;
  /** The set-up as a link or a file, and those of others. */
  readonly handOver: HandOverActions;
}

/** Puts the page together: each of its subjects has a file of its own. */
export function createPage(parts: PageParts): Page {
  const { memory, device, pace, address } = parts;
  const store = createPageStore(parts.theme, memory.budget, device.preferences);
  const { getState, setState } = store;
  const memoryPlanner = createMemoryPlanner(store, memory.ask);
  const deviceLook = createDeviceLook(store, device.ask);
  const tasks = createTaskActions(store, parts.tasks, parts.tableClient);
  const handOver = createHandOver(store, address);
  const history = createPageHistory(store, parts.history);
  const compare = createCompareActions(store, history);
  const interruptedRun = createInterruptedRun(store, parts.checkpoints);

  /** What was measured is kept before the next run of the queue begins. */
  const keepEnded = async (run: RunState): Promise<void> => {
    if (run.results !== null) await history.keep(run.results);
    await interruptedRun.look();
    queue.ended(run);
  };
  const control = createRunControl(store, {
    openSession: parts.openSession,
    pace,
    onEnd: (run) => void keepEnded(run),
  });

  const queue = createQueue(store, {
    place: parts.queue,
    begin: (settings) => {
      const { interrupted, taskData } = getState();
      // A run of the queue that was broken off goes on where it was.
      const isSame = interrupted !== null && JSON.stringify(interrupted.settings) === JSON.stringify(settings);
      try {
        // Its estimate was made with the plan of another method: it says nothing of the device's pace.
        const from = isSame ? interrupted.folder : null;
        control.begin(checkedSettings(settings, taskData), { resumes: false, from, estimated: null });
        return null;
      } catch (error) {
        return reportOf(error);
      }
    },
    estimate: (settings) => estimateOf({ ...getState(), draft: settings, resumePoint: null }, pace)?.seconds ?? null,
  });

  return {
    ...createSetUpActions(store, { keepPreferences: device.keep, keepBudget: memory.keep }),
    ...control.actions,
    store,
    load: async () => {
      memoryPlanner.watch();
      deviceLook.watch();
      await Promise.all([history.refresh().then(interruptedRun.look), tasks.load()]);
      handOver.readAddress();
      queue.load();
    },
    look: (change) => setState(({ view }) => ({ view: { ...view, ...change } })),
    models: createModelsActions(store, parts.models),
    preview: createPreviewer(store, parts.askForPreview),
    lookUp: memoryPlanner.lookUp,
    tasks,
    lookAgain: deviceLook.again,
    pace,
    dropCheckpoint: () => void interruptedRun.drop(),
    resultsOf: history.resultsOf,
    openRun: history.openRun,
    forget: async (key) => {
      await compare.tick(key, false);
      await history.remove(key);
    },
    compare,
    queue,
    handOver,
  };
}
