import type { RunEvent } from '../run/events/events.ts';
import type { WorkerCommand } from '../worker/protocol.ts';
import { openSession, type WorkerSession } from './worker-client.ts';

/** A training worker. The page uses only this interface, so that tests can replace it with a script. */
export type TrainingSession = WorkerSession<WorkerCommand>;

/** Opens a session whose events go to `onEvent`. Faults of the worker itself arrive as a `failed` event. */
export type OpenSession = (onEvent: (event: RunEvent) => void) => TrainingSession;

/** A session in a Web Worker: one worker for one run. */
export const openWorkerSession: OpenSession = (onEvent) =>
  openSession<WorkerCommand, RunEvent>(
    () => new Worker(new URL('../worker/train.ts', import.meta.url), { type: 'module', name: 'training' }),
    {
      name: 'The training worker',
      nextStep: 'Reload the page and start again. If it happens again, choose a smaller batch or a smaller model.',
      onEvent,
      onError: (error) => onEvent({ type: 'failed', error, results: null }),
    },
  );
