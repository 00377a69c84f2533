import { createStore, type StoreApi } from 'zustand/vanilla';
import type { DeviceChoice } from '../../base/device-choice.ts';
import type { ErrorReport } from '../../base/errors.ts';
import type { Brought } from '../../run/planning/brought-values.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import type { ModelModules } from '../../run/settings/trained-modules.ts';
import type { OpenedFile } from '../../run/tasks/table-messages.ts';
import { HUB } from '../../weights/hub.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { StoredCheckpoint } from '../../worker/protocol.ts';
import { type BenchState, NOTHING_MEASURED } from './bench-state.ts';
import { type CompareState, NOTHING_COMPARED } from './compare-state.ts';
import { type DeviceState, LOOKING } from './device-state.ts';
import type { RunSummary } from './history.ts';
import { type LengthsState, NOT_COUNTED } from './lengths-state.ts';
import { NO_PLAN, type PlanState } from './memory-state.ts';
import { type ModelsState, NO_MODELS } from './models-state.ts';
import { type Preferences, type Theme, USUAL } from './preferences.ts';
import { CLOSED, type PreviewState } from './preview-state.ts';
import { EMPTY_QUEUE, type QueueState } from './queue-state.ts';
import { IDLE, type RunState } from './run-state.ts';
import type { Scoring } from './scores.ts';
import type { Offer } from './set-up.ts';
import { NO_TASKS, type TaskData } from './task-store.ts';

/** The views of the page, in the order of their tabs. */
export const TABS = [
  { id: 'run', label: 'Run' },
  { id: 'ranks', label: 'Ranks' },
  { id: 'try', label: 'Try it' },
  { id: 'results', label: 'Results' },
  { id: 'compare', label: 'Compare' },
  { id: 'queue', label: 'Queue' },
  { id: 'models', label: 'Models' },
  { id: 'device', label: 'Device' },
] as const;

export type Tab = (typeof TABS)[number]['id'];

/** What the viewer chose to see; none of it affects a run. */
export interface View {
  tab: Tab;
  score: Scoring;
  /** What a matrix cell's colour shows: its accuracy, or the change since the task was learned. */
  heat: 'accuracy' | 'change';
  /** Weight of the past in the loss curve's moving average, [0, 1). */
  smoothing: number;
  logLoss: boolean;
  /** The tensor and round whose spectrum is shown; null until chosen. */
  selected: { name: string; round: number } | null;
  theme: Theme;
}

export interface PageState {
  /** The form's settings. They may fail the schema; an empty number is NaN. */
  draft: RunSettings;
  /** What the model needs besides its name. Never stored, recorded or put into an address. */
  access: ModelAccess;
  models: ModelsState;
  /** What to train on. Stored in this browser. */
  device: DeviceChoice;
  /** The device that this choice leads to. */
  deviceFound: DeviceState;
  /** What the device can do, and its measurement. */
  bench: BenchState;
  /** Whether the screen stays on during a run. Stored in this browser. */
  keepAwake: boolean;
  /** Minutes between two checkpoints; 0 for none. Stored in this browser. */
  checkpointMinutes: number;
  /** The last checkpoint of every unfinished run, to resume from; the newest first. */
  unfinished: readonly StoredCheckpoint[];
  /** Folders of checkpoints that this version of the page cannot read. */
  unreadCheckpoints: readonly string[];
  /** How many times as long this run's steps take while the tab is hidden; null if not much longer. */
  slowdown: number | null;
  /** GiB of memory that a run may use; null for no limit. Stored in this browser. */
  memoryBudget: number | null;
  /** Percent of the graphics card's time that the next run may use. Stored in this browser. */
  gpuShare: number;
  /** The memory that a run with the draft's settings would use. */
  memoryPlan: PlanState;
  /** The preview of the first example. */
  preview: PreviewState;
  /** How many tokens the texts take. */
  lengths: LengthsState;
  /** What the chosen model has set by itself; null if the settings came from elsewhere. */
  brought: Brought | null;
  /** The layers of the model that can be trained; null until known. */
  modelModules: ModelModules | null;
  /** Whether the next run saves the weights of every round. */
  everyRound: boolean;
  /** The round that the next run resumes from; null to start from the beginning. */
  resumePoint: { round: number; folder: string } | null;
  /** The name of the model whose files are being checked; null if none are. */
  checkingModel: string | null;
  /** Why the last files that were dropped, or chosen as a model, were not taken. */
  dropProblem: ErrorReport | null;
  /** Why the last start was refused before a worker started. */
  refused: ErrorReport | null;
  /** Custom tasks, and the CL_Benchmark folder on disk. */
  taskData: TaskData;
  /** The file of examples whose columns are being chosen. */
  openFile: OpenedFile | null;
  /** Why the last action on tasks failed; and notes from a successful one. */
  taskProblem: ErrorReport | null;
  taskNotes: readonly string[];
  /** A shared set-up offered for review. */
  offer: Offer | null;
  /** Why the page's set-up could not be shared. */
  handOverProblem: ErrorReport | null;
  run: RunState;
  history: readonly RunSummary[];
  /** Keys of stored runs that this version of the page cannot read. */
  unreadRuns: readonly string[];
  /** Why a run could not be stored, opened or forgotten. */
  historyProblem: string | null;
  /** The compared runs. */
  compare: CompareState;
  /** Runs that start one after another. */
  queue: QueueState;
  view: View;
}

export type PageStore = StoreApi<PageState>;

/** The page's one store, usable without React. */
export const createPageStore = (
  theme: Theme,
  memoryBudget: number | null = null,
  { device, keepAwake, checkpointMinutes, gpuShare }: Preferences = USUAL,
  draft: RunSettings | null = null,
): PageStore =>
  createStore<PageState>(() => ({
    draft: draft ?? embeddedSettings('full', 'gorp-plus'),
    access: { hub: { endpoint: HUB, token: null }, picked: new Map() },
    models: NO_MODELS,
    device,
    deviceFound: LOOKING,
    bench: NOTHING_MEASURED,
    keepAwake,
    checkpointMinutes,
    unfinished: [],
    unreadCheckpoints: [],
    slowdown: null,
    memoryBudget,
    gpuShare,
    memoryPlan: NO_PLAN,
    preview: CLOSED,
    lengths: NOT_COUNTED,
    brought: null,
    modelModules: null,
    everyRound: true,
    resumePoint: null,
    checkingModel: null,
    dropProblem: null,
    refused: null,
    taskData: NO_TASKS,
    openFile: null,
    taskProblem: null,
    taskNotes: [],
    offer: null,
    handOverProblem: null,
    run: IDLE,
    history: [],
    unreadRuns: [],
    historyProblem: null,
    compare: NOTHING_COMPARED,
    queue: EMPTY_QUEUE,
    view: { tab: 'run', score: 'main', heat: 'accuracy', smoothing: 0.8, logLoss: false, selected: null, theme },
  }));
