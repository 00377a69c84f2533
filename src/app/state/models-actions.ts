import { reportOf } from '../../base/errors.ts';
import type { ModelsCommand, ModelsEvent } from '../../worker/protocol.ts';
import { applyModelsEvent, type ModelsState, startingWork } from './models-state.ts';
import type { PageStore } from './store.ts';
import { openSession, type WorkerSession } from './worker-client.ts';

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
      onError: (error) => onEvent({ type: 'failed', error }),
    },
  );

/** What a person can do with the stored models. While one action is in progress, others do nothing. */
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

/** What the actions need from the browser. */
export interface ModelsParts {
  openModels: OpenModelsSession;
  storage: Pick<StorageManager, 'persist' | 'persisted'> | undefined;
}

export function createModelsActions(store: PageStore, { openModels, storage }: ModelsParts): ModelsActions {
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
      change((models) => startingWork(models, { kind: 'remove', folder }));
      open().send({ type: 'remove', folder });
    },
    persist: async () => {
      try {
        const isPersistent = (await storage?.persist()) ?? false;
        const outcome = isPersistent
          ? 'The browser will keep the models until you remove them.'
          : 'The browser does not promise this: it may remove the models when the disk is full. Installing or bookmarking the page can change that.';
        change((models) => ({ ...models, isPersistent, outcome, error: null }));
      } catch (thrown) {
        change((models) => ({ ...models, error: reportOf(thrown) }));
      }
    },
  };
}
