import { type ErrorReport, GorpError } from '../../base/errors.ts';
import type { BenchCommand, BenchEvent, BenchFunctions, BenchProgress } from '../../worker/bench/messages.ts';
import { applyBenchEvent, type BenchState, isMeasuring, OPENING, stopped } from './bench-state.ts';
import { isActive } from './run-state.ts';
import type { PageState, PageStore } from './store.ts';
import { callOnce } from './worker-client.ts';

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

/** What a person can do on the Device view. */
export interface BenchActions {
  /** Reads what the device can do; while it is measured, only if that is not known. */
  readonly describe: () => void;
  /** Measures the device that a run would use, unless there is a {@link measuringObstacle}. */
  readonly measure: () => void;
  /** Ends the measurement; what has been measured stays. */
  readonly stop: () => void;
}

const IN_USE: ErrorReport = {
  code: 'run/in-progress',
  message: 'A run is using the device: beside it, a measurement would be wrong and slow the run down.',
  nextStep: 'Wait for its end or stop it, then measure.',
};

/** Why the device cannot be measured now; null if it can. */
export function measuringObstacle({ run, queue, deviceFound }: PageState): ErrorReport | null {
  if (isActive(run.status) || (queue.isMine && queue.isGoing)) return IN_USE;
  return deviceFound.status === 'none' ? deviceFound.error : null;
}

/** @throws GorpError `run/device-measured` while the device is measured. */
export function refuseWhileMeasuring({ bench }: PageState): void {
  if (!isMeasuring(bench)) return;
  throw new GorpError(
    'run/device-measured',
    'The device is being measured, and a run beside it would spoil the numbers.',
    'Stop the measurement on the Device tab or wait for its end, within a minute; then start again.',
  );
}

/** What the actions need from outside. */
interface BenchParts {
  readonly ask: AskForBench;
  /** Called when a measurement has ended. */
  readonly onEnd: () => void;
}

export function createBenchActions(store: PageStore, { ask, onEnd }: BenchParts): BenchActions {
  const { getState, setState } = store;
  const change = (next: (bench: BenchState) => Partial<BenchState>): void =>
    setState(({ bench }) => ({ bench: { ...bench, ...next(bench) } }));
  let isDescribing = false;
  let end: (() => void) | null = null;

  return {
    describe: () => {
      const { bench } = getState();
      if (isDescribing || (isMeasuring(bench) && bench.abilities !== null)) return;
      isDescribing = true;
      ask({ type: 'abilities' }, (event) => {
        isDescribing = false;
        if (event.type === 'abilities') change(() => ({ abilities: event.abilities, abilitiesProblem: null }));
        else if (event.type === 'failed') change(() => ({ abilitiesProblem: event.error }));
      });
    },
    measure: () => {
      const state = getState();
      if (isMeasuring(state.bench) || measuringObstacle(state) !== null) return;
      change(() => ({ measurement: OPENING }));
      end = ask({ type: 'measure', device: state.device }, (event) => {
        change(({ measurement }) => ({
          measurement: measurement === null ? null : applyBenchEvent(measurement, event, Date.now()),
        }));
        if (!isMeasuring(getState().bench)) onEnd();
      });
    },
    stop: () => {
      if (!isMeasuring(getState().bench)) return;
      end?.();
      end = null;
      change(({ measurement }) => ({ measurement: measurement === null ? null : stopped(measurement) }));
      onEnd();
    },
  };
}
