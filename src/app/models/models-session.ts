import { type ModelsCommand, type ModelsEvent, ModelsEventSchema } from '../../worker/protocol.ts';
import { connectWorker, type WorkerClient } from '../worker-client.ts';

/** The worker that keeps the models, seen from the page. */
export type ModelsSession = Pick<WorkerClient<ModelsCommand>, 'send'>;

/** Opens the worker that keeps the models; its events go to `onEvent`, its own faults as a `failed` event. */
export type OpenModelsSession = (onEvent: (event: ModelsEvent) => void) => ModelsSession;

/** A Web Worker that lives as long as the page. */
export const openModelsWorker: OpenModelsSession = (onEvent) =>
  connectWorker(
    () => new Worker(new URL('../../worker/models.ts', import.meta.url), { type: 'module', name: 'models' }),
    ModelsEventSchema,
    {
      name: 'The worker that keeps the models',
      nextStep: 'Reload the page; a download resumes where it was.',
      onMessage: onEvent,
      onFault: (error) => onEvent({ type: 'failed', error }),
    },
  );
