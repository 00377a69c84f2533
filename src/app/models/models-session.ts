import { type ModelsCommand, type ModelsEvent, ModelsEventSchema } from '../../worker/protocol.ts';
import { connectWorker, type WorkerClient } from '../worker-client.ts';

/** The page's view of the worker that manages the stored models. */
export type ModelsSession = Pick<WorkerClient<ModelsCommand>, 'send'>;

/** Opens the models worker. Its events go to `onEvent`, and its own faults arrive as a `failed` event. */
export type OpenModelsSession = (onEvent: (event: ModelsEvent) => void) => ModelsSession;

/** The models worker as a Web Worker that lives as long as the page. */
export const openModelsWorker: OpenModelsSession = (onEvent) =>
  connectWorker(
    () => new Worker(new URL('../../worker/models.ts', import.meta.url), { type: 'module', name: 'models' }),
    ModelsEventSchema,
    {
      name: 'The models worker',
      nextStep: 'Reload the page; a download resumes where it stopped.',
      onMessage: onEvent,
      onFault: (error) => onEvent({ type: 'failed', error }),
    },
  );
