import { createStore, type StoreApi } from 'zustand/vanilla';
import type { DeviceChoice } from '../base/device-choice.ts';
import type { ErrorReport } from '../base/errors.ts';
import { embeddedSettings } from '../run/presets.ts';
import type { RunSettings } from '../run/settings.ts';
import type { ModelModules } from '../run/trained-modules.ts';
import { HUB } from '../weights/hub.ts';
import type { ModelAccess } from '../weights/source.ts';
import type { OpenedFile } from '../run/table-messages.ts';
import type { KeptCheckpoint } from '../worker/protocol.ts';
import { type CompareState, NOTHING_COMPARED } from './compare/compare-state.ts';
import { type DeviceState, LOOKING } from './device/device-state.ts';
import { type Preferences, USUAL } from './device/preferences.ts';
import type { RunSummary } from './history.ts';
import type { Offer } from './handover/offer.ts';
import { NO_PLAN, type PlanState } from './memory/plan-state.ts';
import { type ModelsState, NO_MODELS } from './models/models-state.ts';
import { EMPTY_QUEUE, type QueueState } from './queue/queue-state.ts';
import { CLOSED, type PreviewState } from './preview/preview-state.ts';
import { IDLE, type RunState } from './run-state.ts';
import { NO_TASKS, type TaskData } from './tasks/task-store.ts';
import type { Theme } from './theme.ts';

export type Tab = 'run' | 'ranks' | 'try' | 'results' | 'compare' | 'queue' | 'models';
/** How an answer is scored: what the model writes by itself, or the best of the task's own labels. */
export type Scoring = 'exact' | 'ranked';

/** What the viewer chose to look at; none of it touches a run. */
export interface View {
  tab: Tab;
  score: Scoring;
  /** What the colour of a matrix cell stands for: its accuracy, or its change since the task was learned. */
  heat: 'accuracy' | 'change';
  /** Weight of the past in the loss curve's moving average, [0, 1). */
  smoothing: number;
  logLoss: boolean;
  /** Tensor and round whose spectrum is shown; null until one is chosen. */
  selected: { name: string; round: number } | null;
  theme: Theme;
}

export interface PageState {
  /** The form: may hold values that do not pass the schema, NaN for an empty number. */
  draft: RunSettings;
  /** What the model needs beside its name: never stored, recorded or put into an address. */
  access: ModelAccess;
  models: ModelsState;
  /** What to train on. Kept in this browser. */
  device: DeviceChoice;
  /** What that would be. */
  deviceFound: DeviceState;
  /** Whether the screen is kept on while a run goes on. Kept in this browser. */
  keepAwake: boolean;
  /** Minutes between two checkpoints; 0 for none. Kept in this browser. */
  checkpointMinutes: number;
  /** The run in the middle that this browser keeps, to go on with. */
  interrupted: KeptCheckpoint | null;
  /** How many times as long steps of this run take while the tab is hidden; null where that is not much. */
  slowdown: number | null;
  /** GiB of memory that a run may take; null where the person has not said. Kept in this browser. */
  memoryBudget: number | null;
  /** Percent of a graphics card's time that the next run may take. Saved in this browser. */
  gpuShare: number;
  /** The memory that a run with the draft's settings would take. */
  memoryPlan: PlanState;
  /** The example that the model would read first, for who looks at it. */
  preview: PreviewState;
  /** The layers of the model that can be trained; null until they are known. */
  modelModules: ModelModules | null;
  /** Whether the weights of every round are kept by the next run. */
  everyRound: boolean;
  /** The round that the next run resumes from; null when it begins anew. */
  resumePoint: { round: number } | null;
  /** Why the last start was refused before a worker was asked. */
  refused: ErrorReport | null;
  /** Custom tasks, and the CL_Benchmark folder on disk. */
  taskData: TaskData;
  /** The file of examples whose columns are being chosen. */
  openFile: OpenedFile | null;
  /** Why the last thing asked for with tasks was not done; what to look at when it was. */
  taskProblem: ErrorReport | null;
  taskNotes: readonly string[];
  /** A set-up that was handed on, to be looked at. */
  offer: Offer | null;
  /** Why the set-up of the page could not be handed on. */
  handOverProblem: ErrorReport | null;
  run: RunState;
  history: readonly RunSummary[];
  /** Why a run could not be kept, opened or forgotten. */
  historyProblem: string | null;
  /** Runs that are laid over each other. */
  compare: CompareState;
  /** Runs that are started one after another. */
  queue: QueueState;
  view: View;
}

export type PageStore = StoreApi<PageState>;

/** The page's one store, usable without React. */
export const createPageStore = (
  theme: Theme,
  memoryBudget: number | null = null,
  { device, keepAwake, checkpointMinutes, gpuShare }: Preferences = USUAL,
): PageStore =>
  createStore<PageState>(() => ({
    draft: embeddedSettings('full', 'gorp-plus'),
    access: { hub: { endpoint: HUB, token: null }, files: [] },
    models: NO_MODELS,
    device,
    deviceFound: LOOKING,
    keepAwake,
    checkpointMinutes,
    interrupted: null,
    slowdown: null,
    memoryBudget,
    gpuShare,
    memoryPlan: NO_PLAN,
    preview: CLOSED,
    modelModules: null,
    everyRound: true,
    resumePoint: null,
    refused: null,
    taskData: NO_TASKS,
    openFile: null,
    taskProblem: null,
    taskNotes: [],
    offer: null,
    handOverProblem: null,
    run: IDLE,
    history: [],
    historyProblem: null,
    compare: NOTHING_COMPARED,
    queue: EMPTY_QUEUE,
    view: { tab: 'run', score: 'exact', heat: 'accuracy', smoothing: 0.8, logLoss: false, selected: null, theme },
  }));
