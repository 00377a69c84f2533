import { createStore, type StoreApi } from 'zustand/vanilla';
import type { DeviceChoice } from '../base/device-choice.ts';
import type { ErrorReport } from '../base/errors.ts';
import { embeddedSettings } from '../run/presets.ts';
import type { RunSettings } from '../run/settings.ts';
import { HUB } from '../weights/hub.ts';
import type { ModelAccess } from '../weights/source.ts';
import type { OpenedFile } from '../run/table-messages.ts';
import { type DeviceState, LOOKING } from './device/device-state.ts';
import { type Preferences, USUAL } from './device/preferences.ts';
import type { RunSummary } from './history.ts';
import { NO_PLAN, type PlanState } from './memory/plan-state.ts';
import { type ModelsState, NO_MODELS } from './models/models-state.ts';
import { IDLE, type RunState } from './run-state.ts';
import { NO_TASKS, type TaskData } from './tasks/task-store.ts';
import type { Theme } from './theme.ts';

export type Tab = 'run' | 'ranks' | 'results' | 'models';
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
  /** How many times as long steps of this run take while the tab is hidden; null where that is not much. */
  slowdown: number | null;
  /** GiB of memory that a run may take; null where the person has not said. Kept in this browser. */
  memoryBudget: number | null;
  /** Percent of a graphics card's time that the next run may take. Saved in this browser. */
  gpuShare: number;
  /** The memory that a run with the draft's settings would take. */
  memoryPlan: PlanState;
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
  run: RunState;
  history: readonly RunSummary[];
  /** Why a run could not be kept, opened or forgotten. */
  historyProblem: string | null;
  view: View;
}

export type PageStore = StoreApi<PageState>;

/** The page's one store, usable without React. */
export const createPageStore = (
  theme: Theme,
  memoryBudget: number | null = null,
  { device, keepAwake, gpuShare }: Preferences = USUAL,
): PageStore =>
  createStore<PageState>(() => ({
    draft: embeddedSettings('full', 'gorp-plus'),
    access: { hub: { endpoint: HUB, token: null }, files: [] },
    models: NO_MODELS,
    device,
    deviceFound: LOOKING,
    keepAwake,
    slowdown: null,
    memoryBudget,
    gpuShare,
    memoryPlan: NO_PLAN,
    everyRound: false,
    resumePoint: null,
    refused: null,
    taskData: NO_TASKS,
    openFile: null,
    taskProblem: null,
    taskNotes: [],
    run: IDLE,
    history: [],
    historyProblem: null,
    view: { tab: 'run', score: 'exact', heat: 'accuracy', smoothing: 0.8, logLoss: false, selected: null, theme },
  }));
