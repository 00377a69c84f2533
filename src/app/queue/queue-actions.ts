import { type ErrorReport, GorpError } from '../../base/errors.ts';
import { randomId } from '../../base/random-id.ts';
import type { RunSettings } from '../../run/settings.ts';
import { isActive, type RunState } from '../run-state.ts';
import { runKey } from '../history.ts';
import type { PageStore } from '../store.ts';
import type { QueuePlace } from './queue-place.ts';
import {
  foundQueue,
  hasEnded,
  isWaiting,
  type KeptQueue,
  MOST_QUEUED,
  movedRun,
  type QueuedRun,
} from './queue-state.ts';

/** What a person can do with the queue. */
export interface QueueActions {
  /** Puts runs at its end. @throws GorpError `run/queue-full`. */
  readonly add: (settings: readonly RunSettings[]) => void;
  readonly start: () => void;
  /** Lets the run that goes on end, and starts no other. */
  readonly pause: () => void;
  readonly move: (id: string, by: number) => void;
  readonly remove: (id: string) => void;
  /** Takes away the runs that wait. */
  readonly empty: () => void;
  /** Takes those away that have ended; their results stay. */
  readonly clear: () => void;
  /** Puts a run that failed or was stopped at its end again. */
  readonly again: (id: string) => void;
}

export interface Queue extends QueueActions {
  /** Finds what an earlier visit left, and goes on with it. */
  readonly load: () => void;
  /** To be called when a run has ended and what was measured is kept. */
  readonly ended: (run: RunState) => void;
}

/** What the queue works with. */
export interface QueueParts {
  place: QueuePlace;
  /** Starts a run. @returns why not, where it cannot be started. */
  begin: (settings: RunSettings) => ErrorReport | null;
  /** Seconds that a run is thought to take. */
  estimate: (settings: RunSettings) => number | null;
}

export function createQueue(store: PageStore, { place, begin, estimate }: QueueParts): Queue {
  const state = (): KeptQueue => store.getState().queue;

  const set = (change: Partial<KeptQueue>): void => {
    store.setState(({ queue }) => ({ queue: { ...queue, ...change } }));
    const { isGoing, runs } = state();
    place.write({ isGoing, runs });
  };

  const put = (id: string, change: Partial<QueuedRun>): void =>
    set({ runs: state().runs.map((run) => (run.id === id ? { ...run, ...change } : run)) });

  /** Starts the next run if the queue goes on and no run does. One that cannot be started has failed. */
  const next = (): void => {
    while (store.getState().queue.isMine && state().isGoing && !isActive(store.getState().run.status)) {
      const run = state().runs.find(isWaiting);
      if (run === undefined) {
        set({ isGoing: false });
        return;
      }
      // Before it begins: a page that is closed now finds that it was running.
      put(run.id, { status: 'running' });
      const error = begin(run.settings);
      if (error === null) return;
      put(run.id, { status: 'failed', error });
    }
  };

  const mine = (change: () => void): void => {
    if (store.getState().queue.isMine) change();
  };

  return {
    load: () => {
      const find = (): void => {
        const { isGoing, runs } = foundQueue(place.read());
        store.setState(({ queue }) => ({ queue: { ...queue, isGoing, runs } }));
      };
      find();
      place.watch(() => {
        if (!store.getState().queue.isMine) find();
      });
      place.own(() => {
        find();
        store.setState(({ queue }) => ({ queue: { ...queue, isMine: true } }));
        next();
      });
    },
    ended: ({ status, results, error }) => {
      const run = state().runs.find((one) => one.status === 'running');
      if (run !== undefined) {
        put(run.id, {
          status: status === 'finished' || status === 'stopped' ? status : 'failed',
          seconds: results?.seconds ?? null,
          run: results === null ? null : runKey(results),
          error,
        });
        // Whoever stops a run does not want the next one to begin.
        if (status === 'stopped') set({ isGoing: false });
      }
      next();
    },
    add: (all) => {
      const { runs } = state();
      if (runs.length + all.length > MOST_QUEUED) {
        throw new GorpError(
          'run/queue-full',
          `The queue would have ${runs.length + all.length} runs; it holds ${MOST_QUEUED}.`,
          'Clear those that have ended, or choose fewer methods, seeds or orders.',
        );
      }
      mine(() => {
        set({
          runs: [
            ...runs,
            ...all.map((settings): QueuedRun => ({
              id: randomId(),
              settings,
              status: 'waiting',
              estimate: estimate(settings),
              seconds: null,
              run: null,
              error: null,
            })),
          ],
        });
        next();
      });
    },
    start: () =>
      mine(() => {
        set({ isGoing: true });
        next();
      }),
    pause: () => mine(() => set({ isGoing: false })),
    move: (id, by) => mine(() => set({ runs: movedRun(state().runs, id, by) })),
    remove: (id) => mine(() => set({ runs: state().runs.filter((run) => run.id !== id || run.status === 'running') })),
    empty: () => mine(() => set({ runs: state().runs.filter((run) => !isWaiting(run)) })),
    clear: () => mine(() => set({ runs: state().runs.filter((run) => !hasEnded(run)) })),
    again: (id) =>
      mine(() => {
        const run = state().runs.find((one) => one.id === id && hasEnded(one));
        if (run === undefined) return;
        const anew: QueuedRun = { ...run, id: randomId(), status: 'waiting', seconds: null, run: null, error: null };
        set({ runs: [...state().runs.filter((one) => one !== run), anew] });
        next();
      }),
  };
}
