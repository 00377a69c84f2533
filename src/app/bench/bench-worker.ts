import { type BenchCommand, type BenchEvent, BenchEventSchema } from '../../worker/bench/messages.ts';
import { connectWorker } from '../worker-client.ts';

/** Asks for abilities or a measurement. Returns a function that ends it and frees all its memory. */
export type AskForBench = (command: BenchCommand, onEvent: (event: BenchEvent) => void) => () => void;

/** Asks a training worker that lives for this one request. */
export const askBenchWorker: AskForBench = (command, onEvent) => {
  const { send, close } = connectWorker<BenchCommand, BenchEvent>(
    () => new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'bench' }),
    BenchEventSchema,
    {
      name: 'The worker that measures the device',
      nextStep: 'Reload the page and measure again. If it happens again, update the graphics driver or choose the CPU.',
      onMessage: (event) => {
        if (event.type === 'abilities' || event.type === 'done' || event.type === 'failed') close();
        onEvent(event);
      },
      onFault: (error) => onEvent({ type: 'failed', error }),
    },
  );
  send(command);
  return close;
};
