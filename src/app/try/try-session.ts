import { type TryCommand, type TryEvent, TryEventSchema } from '../../worker/try/messages.ts';
import { connectWorker, type WorkerClient } from '../worker-client.ts';

/** The page's view of the worker that tries models. */
export type TrySession = WorkerClient<TryCommand>;

/** Opens a session whose events go to `onEvent`. Faults of the worker itself arrive as a `failed` event. */
export type OpenTrySession = (onEvent: (event: TryEvent) => void) => TrySession;

/** A session in a Web Worker that lives as long as the tab is open. */
export const openTryWorker: OpenTrySession = (onEvent) =>
  connectWorker(
    () => new Worker(new URL('../../worker/try.ts', import.meta.url), { type: 'module', name: 'try' }),
    TryEventSchema,
    {
      name: 'The worker that tries models',
      nextStep: 'Leave this tab and open it again.',
      onMessage: onEvent,
      onFault: (error) => onEvent({ type: 'failed', error }),
    },
  );
