import { createStore, type StoreApi } from 'zustand/vanilla';
import { type CompareSlice, compareSlice } from './compare.ts';
import { type DeviceSlice, deviceSlice } from './device.ts';
import { type DropSlice, dropSlice } from './dropped-files.ts';
import { type HistorySlice, historySlice } from './history.ts';
import { type MemorySlice, memorySlice } from './memory-plan.ts';
import { type ModelsSlice, modelsSlice } from './models.ts';
import { type Preferences, type Theme, USUAL, type ViewSlice, viewSlice } from './preferences.ts';
import { queueSlice, type QueueSlice } from './queue.ts';
import { runSlice, type RunSlice } from './run-state.ts';
import { type Form, type SetUpSlice, setUpSlice } from './set-up-form.ts';
import { sharingSlice, type SharingSlice } from './sharing.ts';
import { tasksSlice, type TasksSlice } from './task-store.ts';
import { taughtSlice, type TaughtSlice } from './taught-models.ts';
import { type TextsSlice, textsSlice } from './text-questions.ts';
import { unfinishedSlice, type UnfinishedSlice } from './unfinished.ts';

/** Everything that the page knows: a slice for each subject, in the file that changes it. */
export interface PageState
  extends
    ViewSlice,
    Preferences,
    DeviceSlice,
    ModelsSlice,
    TasksSlice,
    SetUpSlice,
    SharingSlice,
    DropSlice,
    MemorySlice,
    TextsSlice,
    RunSlice,
    UnfinishedSlice,
    HistorySlice,
    TaughtSlice,
    CompareSlice,
    QueueSlice {}

export type PageStore = StoreApi<PageState>;

/** The page's one store, usable without React. */
export const createPageStore = (theme: Theme, preferences: Preferences = USUAL, form: Form | null = null): PageStore =>
  createStore<PageState>(() => ({
    ...viewSlice(theme),
    ...preferences,
    ...deviceSlice,
    ...modelsSlice,
    ...tasksSlice,
    ...setUpSlice(form),
    ...sharingSlice,
    ...dropSlice,
    ...memorySlice,
    ...textsSlice,
    ...runSlice,
    ...unfinishedSlice,
    ...historySlice,
    ...taughtSlice,
    ...compareSlice,
    ...queueSlice,
  }));
