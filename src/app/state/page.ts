import { reportOf } from '../../base/errors.ts';
import { difference } from '../../run/files/saved-round.ts';
import { type CompareActions, createCompareActions } from './compare.ts';
import {
  type AskForBench,
  type AskForDevice,
  type BenchActions,
  createBenchActions,
  createDeviceDetector,
} from './device.ts';
import { type AskForModelCheck, createFileActions, type FileActions, type OpenRounds } from './dropped-files.ts';
import { estimateOf, type TimeCorrections } from './estimate.ts';
import { createPageHistory, type HistoryActions } from './history-actions.ts';
import { type RunHistory, runKey, shownKey } from './history.ts';
import { type AskForPlan, createMemoryPlanner } from './memory-plan.ts';
import { createModelsActions, type ModelsActions, type ModelsParts } from './models.ts';
import { firstShown, type LastVisit } from './last-visit.ts';
import type { Preferences, Theme, View } from './preferences.ts';
import { createQueue, type QueueActions, type QueueStorage } from './queue.ts';
import { createRunManager, type OpenSession, type RunActions } from './run-manager.ts';
import { endedRun, isActive, type PageRun } from './run-state.ts';
import { createSetUpActions, type SetUpActions, type Teaches } from './set-up-form.ts';
import { createSharing, type PageAddress, type SharingActions } from './sharing.ts';
import { createPageStore, type PageState, type PageStore } from './store.ts';
import type { TaskStore } from './task-store.ts';
import { createTaughtActions, type ExportParts, type TaughtActions, usedModel } from './taught-models.ts';
import { createTaskActions, type TablesWorker, type TaskActions } from './tasks.ts';
import {
  type AskForLengths,
  type AskForPreview,
  createLengthCounter,
  createPreviewer,
  type Previewer,
} from './text-questions.ts';
import { type AskForCheckpoints, createUnfinishedRuns } from './unfinished.ts';
import { checkedSettings } from './validate.ts';

/** Parts that the page needs from outside. */
export interface PageParts {
  openSession: OpenSession;
  history: RunHistory;
  tasks: TaskStore;
  tables: TablesWorker;
  theme: Theme;
  models: ModelsParts;
  askForPlan: AskForPlan;
  askForPreview: AskForPreview;
  askForLengths: AskForLengths;
  checkModel: AskForModelCheck;
  openRounds: OpenRounds;
  exports: ExportParts;
  askForDevice: AskForDevice;
  /** The choices about this machine that are stored. */
  preferences: Preferences;
  savePreferences: (change: Partial<Preferences>) => void;
  bench: AskForBench;
  pace: TimeCorrections;
  checkpoints: AskForCheckpoints;
  queue: QueueStorage;
  address: PageAddress;
  lastVisit: LastVisit;
}

/** Everything a person can do on the page, over one store. */
export interface Page extends SetUpActions, RunActions, Omit<HistoryActions, 'labelRun'>, FileActions {
  readonly store: PageStore;
  /** Detects the device, and reads stored tasks and runs. */
  readonly load: () => Promise<void>;
  readonly changeView: (change: Partial<View>) => void;
  /** The models stored in this browser. */
  readonly models: ModelsActions;
  /** The models that were taught in this browser. */
  readonly taught: TaughtActions;
  /** The preview of the first example. */
  readonly preview: Previewer;
  /** Fetches the model's config from its hub or server, to plan memory. Nothing else does so before a start. */
  readonly lookUp: () => void;
  /** Counts the tokens of the texts; asks the servers of model and tasks for them. */
  readonly countTexts: () => void;
  /** Custom tasks, the CL_Benchmark folder, order files. */
  readonly tasks: TaskActions;
  /** Detects the device again. */
  readonly detectDevice: () => void;
  /** Actions on the abilities of the device and its measurement. */
  readonly bench: BenchActions;
  /** How long earlier runs took, compared with their estimates. */
  readonly pace: TimeCorrections;
  /** Removes the checkpoint in a folder. */
  readonly dropCheckpoint: (folder: string) => Promise<void>;
  /** Removes a stored run. */
  readonly forget: (key: string) => Promise<void>;
  /** Compares several runs, and exports the comparison. */
  readonly compare: CompareActions;
  /** Runs that start one after another. */
  readonly queue: QueueActions;
  /** Uses the settings once what the browser keeps and the texts are read, which may set the form of prompts. */
  readonly afterReading: (act: () => void) => void;
  /** Shares the set-up as a link or a file, and opens shared ones. */
  readonly sharing: SharingActions;
}

/** The model that came out, if the run on the page has finished teaching the form's model the form's tasks; else null. */
function outcomeOfForm({ run, teaches, draft, taught }: PageState): Teaches | null {
  if (run.status !== 'finished' || teaches === null || draft.order.length === 0) return null;
  const planned = [...teaches.model.lessons.map(({ name }) => name), ...draft.order];
  if (run.settings?.order.join('\n') !== planned.join('\n')) return null;
  const used = usedModel(taught);
  return used?.model && used.model.run === run.results?.id ? { key: used.key, model: used.model } : null;
}

/** Assembles the page; each subject has its own file. */
export function createPage(parts: PageParts): Page {
  const { pace, address, lastVisit } = parts;
  const store = createPageStore(parts.theme, parts.preferences, lastVisit.form());
  const { getState, setState } = store;
  store.subscribe(({ draft, teaches, run }, before) => {
    if (draft !== before.draft || teaches !== before.teaches) lastVisit.saveForm({ draft, teaches });
    // What a run has shown counts once it has ended.
    if (isActive(run.status) && !isActive(before.run.status)) lastVisit.saveShown(null);
    // The form has taught what it says: from here on, its model is the one that came out, and what comes next is open.
    const outcome = outcomeOfForm(getState());
    if (outcome !== null) setUp.teach(outcome);
  });
  const memoryPlanner = createMemoryPlanner(store, parts.askForPlan);
  const lengthCounter = createLengthCounter(store, parts.askForLengths);
  const deviceDetector = createDeviceDetector(store, parts.askForDevice);
  const tasks = createTaskActions(store, parts.tasks, parts.tables);
  const history = createPageHistory(store, parts.history);
  const sharing = createSharing(store, address, async (results) => (await history.takeAll([results]))[0]);
  const compare = createCompareActions(store, history);
  const setUp = createSetUpActions(store, parts.savePreferences);
  const models = createModelsActions(store, parts.models);
  const taught = createTaughtActions(store, parts.exports, () => void models.persist());
  const unfinished = createUnfinishedRuns(store, parts.checkpoints);

  /** Stores an ended run before the next run of the queue begins. */
  const saveEnded = async (run: PageRun): Promise<void> => {
    let isStored = true;
    if (run.results !== null) {
      isStored = await history.save(run.results);
      lastVisit.saveShown(runKey(run.results));
    }
    await unfinished.refresh();
    queue.ended(run, isStored);
  };
  /** Shows the run that was shown when the page was left, unless something else has begun meanwhile. */
  const showLeftOff = async (): Promise<void> => {
    const state = getState();
    const first = firstShown(lastVisit.shown(), state.history, state.unfinished);
    if (first === null) return;
    const key = 'key' in first ? first.key : null;
    const results = 'key' in first ? await parts.history.open(first.key).catch(() => null) : first.checkpoint.results;
    if (results !== null && getState().run.status === 'idle') setState({ run: endedRun(results, { key }) });
  };

  /** While the tasks and files of models that the browser keeps are read; what uses them waits. */
  let reading: Promise<unknown> | null = null;
  const afterReading = (act: () => void): void => {
    if (reading === null) return lengthCounter.afterReading(act);
    if (getState().isSettling) return;
    setState({ isSettling: true });
    void reading.then(() => {
      setState({ isSettling: false });
      lengthCounter.afterReading(act);
    });
  };

  const control = createRunManager(store, {
    openSession: parts.openSession,
    pace,
    onEnd: (run) => void saveEnded(run),
    labelStored: history.labelRun,
  });

  const queue = createQueue(store, {
    place: parts.queue,
    check: (settings) => void checkedSettings(settings, getState().userTasks),
    begin: (settings) => {
      const { userTasks } = getState();
      // An interrupted run of the queue resumes from its checkpoint.
      const same = getState().unfinished.find((one) => difference(one.settings, settings) === null);
      try {
        // No estimate: it would use the plan of another method, which says nothing about the device's pace.
        const from = same?.folder ?? null;
        control.begin(checkedSettings(settings, userTasks), { teaches: null, from, estimated: null });
        return null;
      } catch (error) {
        return reportOf(error);
      }
    },
    estimate: (settings) => estimateOf({ ...getState(), draft: settings }, pace)?.seconds ?? null,
  });

  const files = createFileActions(store, {
    tasks,
    compare,
    sharing,
    setUp,
    check: parts.checkModel,
    openRounds: parts.openRounds,
    takeShared: (file) => taught.take([file]),
  });

  return {
    ...setUp,
    ...control.actions,
    ...files,
    afterReading,
    start: () => afterReading(control.actions.start),
    store,
    load: async () => {
      deviceDetector.watch();
      // A plan made without the files of the model or the tasks would be made again.
      const kept = files.findKept();
      const readTasks = kept
        .then(() => tasks.load())
        .then(() => {
          memoryPlanner.watch();
          lengthCounter.watch();
        });
      reading = readTasks
        .catch(() => undefined)
        .finally(() => {
          reading = null;
        });
      await kept;
      await Promise.all([history.refresh().then(unfinished.refresh).then(showLeftOff), readTasks]);
      await sharing.readAddress();
      queue.load();
    },
    changeView: (change) => setState(({ view }) => ({ view: { ...view, ...change } })),
    models,
    taught,
    preview: createPreviewer(store, parts.askForPreview),
    lookUp: () => {
      memoryPlanner.lookUp();
      lengthCounter.lookUp();
    },
    countTexts: lengthCounter.lookUp,
    tasks,
    detectDevice: deviceDetector.again,
    bench: createBenchActions(store, { ask: parts.bench, onEnd: queue.measured }),
    pace,
    dropCheckpoint: unfinished.drop,
    resultsOf: history.resultsOf,
    openRun: async (key) => {
      await history.openRun(key);
      if (shownKey(getState().run) === key) lastVisit.saveShown(key); // not if it could not be opened
    },
    forget: async (key) => {
      await compare.tick(key, false);
      await history.remove(key);
    },
    compare,
    queue,
    sharing,
  };
}
