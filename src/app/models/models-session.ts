import { GorpError, reportOf } from '../../base/errors.ts';
import type { ModelsCommand, ModelsEvent } from '../../worker/protocol.ts';
import { parseModelsEvent } from './models-events.ts';

/** The worker that keeps the models, seen from the page. */
export interface ModelsSession {
  send(command: ModelsCommand): void;
}

/** Opens a session whose events go to `onEvent`. Faults of the worker itself come as a `failed` event. */
export type OpenModelsSession = (onEvent: (event: ModelsEvent) => void) => ModelsSession;

/** A session in a Web Worker that lives as long as the page. */
export const openModelsWorker: OpenModelsSession = (onEvent) => {
  const worker = new Worker(new URL('../../worker/models.ts', import.meta.url), { type: 'module', name: 'models' });
  const fail = (error: unknown): void => onEvent({ type: 'failed', error: reportOf(error) });
  worker.onmessage = ({ data }: MessageEvent<unknown>) => {
    try {
      onEvent(parseModelsEvent(data));
    } catch (error) {
      fail(error);
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(
      new GorpError(
        'worker/crashed',
        `The models worker stopped: ${event.message || 'it could not be loaded'}.`,
        'Reload the page; a download goes on where it was.',
      ),
    );
  };
  return { send: (command) => worker.postMessage(command) };
};
