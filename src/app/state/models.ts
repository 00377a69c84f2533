import { type ErrorReport, reportOf } from '../../base/errors.ts';
import type { GgufFile, ModelProgress, StoredModel, Verdict, VerifyProgress } from '../../weights/model-messages.ts';
import type { ModelsCommand, ModelsEvent } from '../../worker/protocol.ts';
import type { SetUpSlice } from './set-up-form.ts';
import type { StoreOf } from './slice.ts';
import { openSession, type WorkerSession } from './session.ts';

/** The current work of the models worker. */
type ModelsWork =
  | { kind: 'fetch'; model: string; progress: ModelProgress | null; isPausing: boolean }
  | { kind: 'verify'; folder: string; progress: VerifyProgress | null }
  | { kind: 'list-ggufs'; model: string }
  | { kind: 'remove'; folder: string };

/** The models in this browser, and the work on them. Plain data. */
export interface ModelsState {
  /** Null until the worker has answered. */
  stored: readonly StoredModel[] | null;
  usageBytes: number | null;
  quotaBytes: number | null;
  work: ModelsWork | null;
  /** A paused or interrupted download, and how far it got. */
  paused: { model: string; progress: ModelProgress | null } | null;
  /** The GGUF files of the repository that was last asked for them. */
  ggufs: { model: string; files: readonly GgufFile[] } | null;
  /** How the last work ended, in words. */
  outcome: string | null;
  error: ErrorReport | null;
  /** Whether the browser has promised to keep what is stored; null until asked. */
  isPersistent: boolean | null;
  /** How many removals the person has asked for. What reads a model in the background must not download it again then. */
  removals: number;
}

export const NO_MODELS: ModelsState = {
  stored: null,
  usageBytes: null,
  quotaBytes: null,
  work: null,
  paused: null,
  ggufs: null,
  outcome: null,
  error: null,
  isPersistent: null,
  removals: 0,
};

/** The models stored in this browser. */
export interface ModelsSlice {
  readonly models: ModelsState;
}

export const modelsSlice: ModelsSlice = { models: NO_MODELS };

/** The state after work was requested. */
export const startingWork = (state: ModelsState, work: ModelsWork): ModelsState => ({
  ...state,
  work,
  paused: null,
  outcome: null,
  error: null,
});

/** The state after an event. Pure. */
export function applyModelsEvent(state: ModelsState, event: ModelsEvent): ModelsState {
  const { work } = state;
  switch (event.type) {
    case 'stored': {
      const { models, usageBytes, quotaBytes } = event;
      // This event ends a removal. Other work has its own final events.
      return { ...state, stored: models, usageBytes, quotaBytes, work: work?.kind === 'remove' ? null : work };
    }
    case 'fetching':
      return work?.kind === 'fetch' ? { ...state, work: { ...work, progress: event.progress } } : state;
    case 'fetched':
      return { ...state, work: null, outcome: `${event.model} is stored in this browser.` };
    case 'broken-off':
      return { ...state, work: null, paused: pausedOf(work) };
    case 'verifying':
      return work?.kind === 'verify' ? { ...state, work: { ...work, progress: event.progress } } : state;
    case 'verified':
      return { ...state, work: null, outcome: inWords(event.verdict) };
    case 'ggufs':
      return { ...state, work: null, ggufs: { model: event.model, files: event.files } };
    case 'failed':
      return { ...state, work: null, paused: pausedOf(work), error: event.error };
  }
}

const pausedOf = (work: ModelsWork | null): ModelsState['paused'] =>
  work?.kind === 'fetch' ? { model: work.model, progress: work.progress } : null;

function inWords({ mended, removed }: Verdict): string {
  const found = [
    ...(mended.length === 0 ? [] : [`Damaged parts were downloaded again: ${mended.join(', ')}.`]),
    ...(removed.length === 0
      ? []
      : [
          `Damaged and removed: ${removed.join(', ')}. The next run downloads ${removed.length === 1 ? 'it' : 'them'} again.`,
        ]),
  ];
  return found.length === 0 ? 'Every part matches what was downloaded.' : found.join(' ');
}

/** Bytes that can still be stored; null if the browser does not report them. */
export const roomLeft = ({ usageBytes, quotaBytes }: ModelsState): number | null =>
  usageBytes === null || quotaBytes === null ? null : Math.max(0, quotaBytes - usageBytes);

/** The page's view of the worker that manages the stored models. */
type ModelsSession = Pick<WorkerSession<ModelsCommand>, 'send'>;

/** Opens the models worker. Its events go to `onEvent`, and its own faults arrive as a `failed` event. */
type OpenModelsSession = (onEvent: (event: ModelsEvent) => void) => ModelsSession;

/** The models worker as a Web Worker that lives as long as the page. */
export const openModelsWorker: OpenModelsSession = (onEvent) =>
  openSession<ModelsCommand, ModelsEvent>(
    () => new Worker(new URL('../../worker/models.ts', import.meta.url), { type: 'module', name: 'models' }),
    {
      name: 'The models worker',
      nextStep: 'Reload the page; a download resumes where it stopped.',
      onEvent,
    },
  );

/** Actions on the stored models. While one action is in progress, others do nothing. */
export interface ModelsActions {
  /** Requests the list of models, and whether storage is persistent. */
  readonly refresh: () => Promise<void>;
  readonly fetch: (model: string) => void;
  /** Asks the hub for the GGUF files of a repository. */
  readonly listGgufs: (model: string) => void;
  readonly pause: () => void;
  readonly verify: (folder: string) => void;
  readonly remove: (folder: string) => void;
  /** Asks the browser to keep what is stored when the disk is full. Browsers require a click for this. */
  readonly persist: () => Promise<void>;
}

/** The parts of the browser that the actions need. */
export interface ModelsParts {
  openModels: OpenModelsSession;
  storage: Pick<StorageManager, 'persist' | 'persisted'> | undefined;
}

export function createModelsActions(
  store: StoreOf<ModelsSlice, SetUpSlice>,
  { openModels, storage }: ModelsParts,
): ModelsActions {
  const change = (next: (models: ModelsState) => ModelsState): void =>
    store.setState(({ models }) => ({ models: next(models) }));
  let session: ModelsSession | null = null;
  const open = (): ModelsSession =>
    (session ??= openModels((event) => change((models) => applyModelsEvent(models, event))));
  const isBusy = (): boolean => store.getState().models.work !== null;

  return {
    refresh: async () => {
      if (!isBusy()) open().send({ type: 'list' });
      const isPersistent = (await storage?.persisted()) ?? false;
      change((models) => ({ ...models, isPersistent }));
    },
    fetch: (model) => {
      if (isBusy()) return;
      change((models) => startingWork(models, { kind: 'fetch', model, progress: null, isPausing: false }));
      open().send({ type: 'fetch', model, access: store.getState().access });
    },
    listGgufs: (model) => {
      if (isBusy()) return;
      change((models) => startingWork(models, { kind: 'list-ggufs', model }));
      open().send({ type: 'list-ggufs', model, access: store.getState().access });
    },
    pause: () => {
      change((models) =>
        models.work?.kind === 'fetch' ? { ...models, work: { ...models.work, isPausing: true } } : models,
      );
      session?.send({ type: 'break' });
    },
    verify: (folder) => {
      if (isBusy()) return;
      change((models) => startingWork(models, { kind: 'verify', folder, progress: null }));
      open().send({ type: 'verify', folder, access: store.getState().access });
    },
    remove: (folder) => {
      if (isBusy()) return;
      change((models) => ({ ...startingWork(models, { kind: 'remove', folder }), removals: models.removals + 1 }));
      open().send({ type: 'remove', folder });
    },
    persist: async () => {
      try {
        const isPersistent = (await storage?.persist()) ?? false;
        const outcome = isPersistent
          ? 'The browser will keep the models until you remove them.'
          : 'The browser did not promise to keep them. Installing or bookmarking the page can change that.';
        change((models) => ({ ...models, isPersistent, outcome, error: null }));
      } catch (thrown) {
        change((models) => ({ ...models, error: reportOf(thrown) }));
      }
    },
  };
}
