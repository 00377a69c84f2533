import type { TryCommand, TryEvent, TryMessage } from '../../worker/try/messages.ts';
import { openSession, type WorkerSession } from '../worker-client.ts';
import { watchTokenizer } from './watch-tokenizer.ts';

/** The page's view of the worker that tries models. */
export type TrySession = WorkerSession<TryCommand>;

/** Opens a session whose events go to `onEvent`. Faults of the worker itself arrive as an `ended` event. */
export type OpenTrySession = (onEvent: (event: TryEvent) => void) => TrySession;

/** A session in a Web Worker that lives as long as the tab is open and its tokenizer returns in time. */
export const openTryWorker: OpenTrySession = (onEvent) => {
  const watch = watchTokenizer(onEvent, () => session.close());
  const session = openSession<TryCommand, TryMessage>(
    () => new Worker(new URL('../../worker/try.ts', import.meta.url), { type: 'module', name: 'try' }),
    {
      name: 'The worker that tries models',
      nextStep: 'Leave this tab and open it again.',
      onEvent: watch.hear,
      onError: (error) => watch.hear({ type: 'failed', error }),
      onFault: (error) => {
        watch.rest();
        onEvent({ type: 'ended', error });
      },
    },
  );
  return {
    send: session.send,
    close: () => {
      watch.rest();
      session.close();
    },
  };
};
