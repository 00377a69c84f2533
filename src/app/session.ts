import { GorpError, reportOf } from '../base/errors.ts';
import type { WorkerCommand, WorkerEvent } from '../worker/protocol.ts';
import { parseEvent } from './session-events.ts';

/** A training worker seen from the page. The page knows this interface only, so that tests can put a script behind it. */
export interface TrainingSession {
  send(command: WorkerCommand): void;
  /** Ends the worker with all it holds, the GPU's memory too. No event comes afterwards. */
  close(): void;
}

/** Opens a session whose events go to `onEvent`. Faults of the worker itself come as a `failed` event. */
export type OpenSession = (onEvent: (event: WorkerEvent) => void) => TrainingSession;

/** A session in a Web Worker: one worker for one run. */
export const openWorkerSession: OpenSession = (onEvent) => {
  const worker = new Worker(new URL('../worker/main.ts', import.meta.url), { type: 'module', name: 'training' });
  const close = (): void => {
    worker.onmessage = worker.onerror = worker.onmessageerror = null;
    worker.terminate();
  };
  const fail = (error: unknown): void => {
    close();
    onEvent({ type: 'failed', error: reportOf(error), results: null });
  };
  worker.onmessage = ({ data }: MessageEvent<unknown>) => {
    let event: WorkerEvent;
    try {
      event = parseEvent(data);
    } catch (error) {
      fail(error);
      return;
    }
    onEvent(event);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(
      new GorpError(
        'worker/crashed',
        `The training worker stopped: ${event.message || 'it could not be loaded'}.`,
        'Reload the page and start again. If it happens again, choose a smaller batch or a smaller model.',
      ),
    );
  };
  worker.onmessageerror = () => {
    fail(
      new GorpError(
        'worker/unreadable-message',
        'A message of the training worker could not be read.',
        'Reload the page, so that page and worker are of the same version, and start again.',
      ),
    );
  };
  return { send: (command) => worker.postMessage(command), close };
};
