import { GorpError, reportOf } from '../../base/errors.ts';
import type { TryCommand, TryEvent } from '../../worker/protocol.ts';

/** The worker that tries models, seen from the page. */
export interface TrySession {
  send(command: TryCommand): void;
  /** Ends the worker, with all that it holds. */
  close(): void;
}

/** Opens a session whose events go to `onEvent`. Faults of the worker itself come as a `failed` event. */
export type OpenTrySession = (onEvent: (event: TryEvent) => void) => TrySession;

export const openTryWorker: OpenTrySession = (onEvent) => {
  const worker = new Worker(new URL('../../worker/try.ts', import.meta.url), { type: 'module', name: 'try' });
  worker.onmessage = ({ data }: MessageEvent<TryEvent>) => onEvent(data);
  worker.onerror = (event) => {
    event.preventDefault();
    const error = new GorpError(
      'worker/crashed',
      `The worker that tries models stopped: ${event.message || 'it could not be loaded'}.`,
      'Leave this tab and open it again.',
    );
    onEvent({ type: 'failed', error: reportOf(error) });
  };
  return { send: (command) => worker.postMessage(command), close: () => worker.terminate() };
};
