import type { ModelsCommand, ModelsEvent } from '../../worker/protocol.ts';
import { openSession, type WorkerSession } from '../worker-client.ts';

/** The page's view of the worker that manages the stored models. */
export type ModelsSession = Pick<WorkerSession<ModelsCommand>, 'send'>;

/** Opens the models worker. Its events go to `onEvent`, and its own faults arrive as a `failed` event. */
export type OpenModelsSession = (onEvent: (event: ModelsEvent) => void) => ModelsSession;

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
