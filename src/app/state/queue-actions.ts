import { type ErrorReport, GorpError } from '../../base/errors.ts';
import { randomId } from '../../base/random-id.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { isMeasuring } from './bench-state.ts';
import { runKey } from './history.ts';
import {
  foundQueue,
  hasEnded,
  isWaiting,
  MOST_QUEUED,
  movedRun,
  type QueuedRun,
  queueJson,
  type StoredQueue,
} from './queue-state.ts';
import { isActive, type RunState } from './run-state.ts';
import type { PageStore } from './store.ts';

/** Where the queue is stored, and which tab runs it. */
export interface QueuePlace {
  /** The queue as last written by any tab; null if there is none. */
  read(): unknown;
  /** @returns whether it is stored; not if storage is blocked or full. */
  write(queue: unknown): boolean;
  /** Calls back once this tab runs the queue: at once, or after the tab that ran it has closed. */
  own(onOwn: () => void): void;
  /** Calls back when another tab has written. */
  watch(onChange: () => void): void;
}

const KEY = 'gorp-web-queue';

/** The queue in localStorage, which writes before the page can close. A browser lock picks the tab that runs it. */
export function browserQueue(): QueuePlace {
  return {
    read: () => {
      try {
        return JSON.parse(localStorage.getItem(KEY) ?? 'null') as unknown;
      } catch {
        return null; // storage is blocked, or holds something else
      }
    },
    write: (queue) => {
      try {
        localStorage.setItem(KEY, JSON.stringify(queue));
        return true;
      } catch {
        return false;
      }
    },
    own: (onOwn) => {
      // Only secure pages have locks; elsewhere every tab runs the queue.
      if (!('locks' in navigator)) {
        onOwn();
        return;
      }
      const never = new Promise<never>(() => undefined);
      void navigator.locks.request(KEY, () => {
        onOwn();
        return never;
      });
    },
    watch: (onChange) => {
      window.addEventListener('storage', ({ key }) => {
        if (key === KEY) onChange();
      });
    },
  };
}

/** Actions on the queue. */
export interface QueueActions {
  /**
   * Appends runs, all or none.
   *
   * @param comparedWith key of the run that they are compared with.
   * @throws GorpError `run/queue-full`; `settings/…` for settings that no run can start with.
   */
  readonly add: (settings: readonly RunSettings[], comparedWith?: string) => void;
  readonly start: () => void;
  /** Lets the current run finish, and starts no other. */
  readonly pause: () => void;
  readonly move: (id: string, by: number) => void;
  readonly remove: (id: string) => void;
  /** Removes the waiting runs. */
  readonly empty: () => void;
  /** Removes the ended runs; their results stay. */
  readonly clear: () => void;
  /** Removes the runs that this version cannot read. */
  readonly clearUnread: () => void;
  /** Queues an ended run again, at the end. */
  readonly again: (id: string) => void;
}

interface Queue extends QueueActions {
  /** Loads the queue of an earlier visit and resumes it. */
  readonly load: () => void;
  /**
   * Must be called after a run has ended.
   *
   * @param isStored whether its results are: otherwise no other run starts, since it would take their place on the page.
   */
  readonly ended: (run: RunState, isStored: boolean) => void;
  /** Must be called when the device has been measured. */
  readonly measured: () => void;
}

/** Dependencies of the queue. */
interface QueueParts {
  place: QueuePlace;
  /** @throws GorpError `settings/…` for settings that no run can start with now. */
  check: (settings: RunSettings) => void;
  /** Starts a run. @returns the error if it cannot start, else null. */
  begin: (settings: RunSettings) => ErrorReport | null;
  /** Estimated seconds of a run; null if unknown. */
  estimate: (settings: RunSettings) => number | null;
}

export function createQueue(store: PageStore, { place, check, begin, estimate }: QueueParts): Queue {
  const state = (): StoredQueue => store.getState().queue;

  const set = (change: Partial<StoredQueue>): void => {
    store.setState(({ queue }) => ({ queue: { ...queue, ...change } }));
    const isStored = place.write(queueJson(state()));
    store.setState(({ queue }) => ({ queue: { ...queue, isStored } }));
  };

  const put = (id: string, change: Partial<QueuedRun>): void =>
    set({ runs: state().runs.map((run) => (run.id === id ? { ...run, ...change } : run)) });

  const isFree = (): boolean => {
    const { run, bench } = store.getState();
    return !isActive(run.status) && !isMeasuring(bench);
  };

  /**
   * Starts the next run if the queue is going and the device is free. A run that cannot start counts as failed; one that
   * lacks files that only a person can give stays waiting, while others start.
   */
  const next = (): void => {
    if (!store.getState().queue.isMine || !state().isGoing || !isFree()) return;
    for (const { id, settings } of state().runs.filter(isWaiting)) {
      // Marked before it begins, so that the queue resumes this run if the page closes now.
      put(id, { status: 'running', error: null });
      const error = begin(settings);
      if (error === null) return;
      put(id, { status: error.code === 'settings/files-again' ? 'waiting' : 'failed', error });
    }
    set({ isGoing: false });
  };

  const mine = (change: () => void): void => {
    if (store.getState().queue.isMine) change();
  };

  return {
    load: () => {
      const find = (): void => {
        const found = foundQueue(place.read());
        store.setState(({ queue }) => ({ queue: { ...queue, ...found } }));
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
    ended: ({ status, results, error }, isStored) => {
      const run = state().runs.find((one) => one.status === 'running');
      if (run !== undefined) {
        put(run.id, {
          status: status === 'finished' || status === 'stopped' ? status : 'failed',
          seconds: results?.seconds ?? null,
          run: results === null ? null : runKey(results),
          error,
        });
        // Someone who stops a run does not want the next one to start.
        if (status === 'stopped') set({ isGoing: false });
      }
      if (!isStored) set({ isGoing: false });
      next();
    },
    measured: next,
    add: (all, comparedWith) => {
      const { runs, unread } = state();
      const count = runs.length + unread.length + all.length;
      if (count > MOST_QUEUED) {
        throw new GorpError(
          'run/queue-full',
          `The queue would have ${count} runs, but it holds at most ${MOST_QUEUED}.`,
          'Clear ended runs, or choose fewer methods, orders or seeds.',
        );
      }
      all.forEach(check);
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
              ...(comparedWith !== undefined && { comparedWith }),
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
    clearUnread: () => mine(() => set({ unread: [] })),
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
