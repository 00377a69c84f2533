import { type TryCommand, type TryEvent, type TryMessage, TryMessageSchema } from '../../worker/try/messages.ts';
import { connectWorker, type WorkerClient } from '../worker-client.ts';
import { watchTokenizer } from './watch-tokenizer.ts';

/** The page's view of the worker that tries models. */
export type TrySession = WorkerClient<TryCommand>;

/** Opens a session whose events go to `onEvent`. Faults of the worker itself arrive as an `ended` event. */
export type OpenTrySession = (onEvent: (event: TryEvent) => void) => TrySession;

/** A session in a Web Worker that lives as long as the tab is open and its tokenizer returns in time. */
export const openTryWorker: OpenTrySession = (onEvent) => {
  const watch = watchTokenizer(onEvent, () => client.close());
  const client = connectWorker<TryCommand, TryMessage>(
    () => new Worker(new URL('../../worker/try.ts', import.meta.url), { type: 'module', name: 'try' }),
    TryMessageSchema,
    {
      name: 'The worker that tries models',
      nextStep: 'Leave this tab and open it again.',
      onMessage: watch.hear,
      onFault: (error) => {
        watch.rest();
        onEvent({ type: 'ended', error });
      },
    },
  );
  return {
    send: client.send,
    close: () => {
      watch.rest();
      client.close();
    },
  };
};
