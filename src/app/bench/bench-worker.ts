import type { BenchCommand, BenchEvent, BenchFunctions, BenchProgress } from '../../worker/bench/messages.ts';
import { callOnce } from '../worker-client.ts';

/** Asks for abilities or a measurement. Returns a function that ends it and frees all its memory. */
export type AskForBench = (command: BenchCommand, onEvent: (event: BenchEvent) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askBenchWorker: AskForBench = (command, onEvent) =>
  callOnce<BenchFunctions, BenchCommand['type'], BenchProgress>(
    () => new Worker(new URL('../../worker/bench.ts', import.meta.url), { type: 'module', name: 'bench' }),
    {
      name: 'The worker that measures the device',
      nextStep: 'Reload the page and measure again. If it happens again, update the graphics driver or choose the CPU.',
      onEvent,
    },
    command.type,
    command,
    (abilities) => onEvent(abilities ? { type: 'abilities', abilities } : { type: 'done' }),
    (error) => onEvent({ type: 'failed', error }),
  );
