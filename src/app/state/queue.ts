import * as v from 'valibot';
import { type ErrorReport, ErrorReportSchema, GorpError } from '../../base/errors.ts';
import { randomId } from '../../base/random.ts';
import { difference } from '../../run/files/saved-round.ts';
import { type MethodName, withValues } from '../../methods/registry.ts';
import { publishedMethod, publishedOrderOf } from '../../run/planning/presets.ts';
import { type RunSettings, RunSettingsSchema } from '../../run/settings/settings.ts';
import { startingMethod } from '../../run/settings/starting-values.ts';
import { orderId, PUBLISHED_ORDERS } from '../../tasks/orders.ts';
import { type DeviceSlice, isMeasuring } from './device.ts';
import { runKey } from './history.ts';
import { isActive, type PageRun, type RunSlice } from './run-state.ts';
import type { StoreOf } from './slice.ts';
import { jsonOf, readItem, writeItem } from './stored-items.ts';

const QueuedRunSchema = v.strictObject({
  id: v.string(),
  settings: RunSettingsSchema,
  status: v.picklist(['waiting', 'running', 'finished', 'stopped', 'failed']),
  /** Seconds estimated when it was queued; null if unknown. */
  estimate: v.nullable(v.number()),
  /** Seconds that it took. */
  seconds: v.nullable(v.number()),
  /** Key of its results in this browser; null before it ends, or if it has none. */
  run: v.nullable(v.string()),
  /** Key of the run that it is compared with, if it was queued for that. */
  comparedWith: v.exactOptional(v.string()),
  /** Why it failed. */
  error: v.nullable(ErrorReportSchema),
});
export type QueuedRun = v.InferOutput<typeof QueuedRunSchema>;

/** The queue as stored in this browser. */
interface StoredQueue {
  readonly isGoing: boolean;
  readonly runs: readonly QueuedRun[];
  /** Runs that another version of the page has queued, and this one cannot read. They do not run, and stay stored. */
  readonly unread: readonly unknown[];
}

/** Runs that start one after another. */
interface QueueState extends StoredQueue {
  /** Whether this tab runs the queue; another tab of this browser may. */
  readonly isMine: boolean;
  /** Whether the browser has stored the queue; if not, it lasts until the page closes. */
  readonly isStored: boolean;
}

export const EMPTY_QUEUE: QueueState = { isGoing: false, runs: [], unread: [], isMine: false, isStored: true };

/** Maximum number of runs in a queue, including ended ones. */
const MOST_QUEUED = 200;

export const isWaiting = ({ status }: QueuedRun): boolean => status === 'waiting';
export const hasEnded = ({ status }: QueuedRun): boolean => status !== 'waiting' && status !== 'running';

/** The keys of the finished runs, each after the run that it is compared with, if that is stored. */
export function comparedKeys(runs: readonly QueuedRun[], stored: readonly string[]): string[] {
  const finished = runs.filter(({ status, run }) => status === 'finished' && run !== null);
  const keys = finished.flatMap(({ run, comparedWith }) => [comparedWith, run]);
  return [...new Set(keys.filter((key) => typeof key === 'string' && stored.includes(key)))] as string[];
}

/** Moves the waiting run `id` by some places among the waiting runs. All other runs come first, in their order. */
export function movedRun(runs: readonly QueuedRun[], id: string, by: number): QueuedRun[] {
  const waiting = runs.filter(isWaiting);
  const from = waiting.findIndex((run) => run.id === id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= waiting.length) return runs.slice();
  waiting.splice(to, 0, ...waiting.splice(from, 1));
  return [...runs.filter((run) => !isWaiting(run)), ...waiting];
}

/** The queue as JSON: what this version cannot read comes last, as it was found. */
export const queueJson = ({ isGoing, runs, unread }: StoredQueue): unknown => ({ isGoing, runs: [...runs, ...unread] });

/**
 * Restores the queue after a page load: a run that was running was interrupted, and starts next.
 *
 * @param json the stored queue, as {@link queueJson} writes it. An invalid one counts as empty.
 */
export function foundQueue(json: unknown): StoredQueue {
  const outer = v.safeParse(v.object({ isGoing: v.boolean(), runs: v.array(v.unknown()) }), json);
  if (!outer.success) return { isGoing: false, runs: [], unread: [] };
  const runs: QueuedRun[] = [];
  const unread: unknown[] = [];
  for (const run of outer.output.runs) {
    const parsed = v.safeParse(QueuedRunSchema, run);
    if (parsed.success) runs.push(parsed.output);
    else unread.push(run);
  }
  const again = runs
    .filter(({ status }) => status === 'running')
    .map((run) => ({ ...run, status: 'waiting' as const }));
  const others = runs.filter(({ status }) => status !== 'running');
  const inOrder = [...others.filter(hasEnded), ...again, ...others.filter(isWaiting)];
  return { isGoing: outer.output.isGoing, runs: inOrder, unread };
}

/** Runs that start one after another. */
export interface QueueSlice {
  readonly queue: QueueState;
}

export const queueSlice: QueueSlice = { queue: EMPTY_QUEUE };

/** Where the queue is stored, and which tab runs it. */
export interface QueueStorage {
  /** The queue as last written by any tab; nothing valid if there is none. */
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
export function browserQueue(): QueueStorage {
  return {
    read: () => jsonOf(readItem(KEY)),
    write: (queue) => writeItem(KEY, JSON.stringify(queue)),
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
  /**
   * Starts a run, or queues it after those that wait. One that waits already is not queued again.
   *
   * @returns whether it runs; if not, the queue says why.
   * @throws GorpError as {@link QueueActions.add}.
   */
  readonly startNow: (settings: RunSettings, comparedWith: string) => boolean;
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
  readonly ended: (run: PageRun, isStored: boolean) => void;
  /** Must be called when the device has been measured. */
  readonly measured: () => void;
}

/** Dependencies of the queue. */
interface QueueParts {
  place: QueueStorage;
  /** @throws GorpError `settings/…` for settings that no run can start with now. */
  check: (settings: RunSettings) => void;
  /** Starts a run. @returns the error if it cannot start, else null. */
  begin: (settings: RunSettings) => ErrorReport | null;
  /** Estimated seconds of a run; null if unknown. */
  estimate: (settings: RunSettings) => number | null;
}

export function createQueue(
  store: StoreOf<QueueSlice, RunSlice & DeviceSlice>,
  { place, check, begin, estimate }: QueueParts,
): Queue {
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

  const start = (): void =>
    mine(() => {
      set({ isGoing: true });
      next();
    });

  const add: QueueActions['add'] = (all, comparedWith) => {
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
    add,
    startNow: (settings, comparedWith) => {
      const isSame = (run: QueuedRun): boolean => difference(run.settings, settings) === null;
      const waiting = state().runs.filter(isWaiting);
      if (!waiting.some(isSame)) add([settings], comparedWith);
      if (waiting.every(isSame)) start(); // if others wait, a paused queue stays paused
      return state().runs.some((run) => run.status === 'running' && isSame(run));
    },
    start,
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

/** Orders of more tasks are not offered rotated. */
const MOST_ROTATED = 6;

/** Settings with another method, whose own settings are those published for the order, or the starting values of the model. */
export function withMethod(settings: RunSettings, name: MethodName): RunSettings {
  const order = publishedOrderOf(settings);
  return { ...settings, method: order === null ? startingMethod(settings.model, name) : publishedMethod(order, name) };
}

/** Gives a run another method: settings that both methods have, such as rank and rate, stay as they are. */
export const sameWith = (settings: RunSettings, name: MethodName): RunSettings => {
  const other = withMethod(settings, name);
  return { ...other, method: withValues(other.method, settings.method) };
};

/** An order that can be queued. */
interface OfferedOrder {
  readonly name: string;
  readonly order: readonly string[];
}

/** The order in the form and others of the same tasks: reversed, rotated to start at each task, and published. */
export function offeredOrders(order: readonly string[]): OfferedOrder[] {
  const rotations =
    order.length > MOST_ROTATED
      ? []
      : order.slice(1).map((name, i) => ({
          name: `From ${name}`,
          order: [...order.slice(i + 1), ...order.slice(0, i + 1)],
        }));
  const published = PUBLISHED_ORDERS.map((one) => ({
    name: `Published order ${orderId(one)}`,
    order: one.rounds.map(({ dataset }) => dataset),
  }));
  const all = [
    { name: 'As set up', order },
    { name: 'Reversed', order: order.toReversed() },
    ...rotations,
    ...published.filter((one) => sameTasks(one.order, order)),
  ];
  const texts = all.map((one) => one.order.join('\n'));
  return all.filter((_, i) => texts.indexOf(texts[i]) === i);
}

const sameTasks = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name));

/** Parses seeds such as `1, 2, 5-7`; null if invalid or more than {@link MOST_SEEDS}. */
export function parseSeeds(text: string): number[] | null {
  const seeds: number[] = [];
  for (const part of text.split(/[\s,;]+/).filter(Boolean)) {
    const match = /^(\d{1,9})(?:[-–](\d{1,9}))?$/.exec(part);
    if (match === null) return null;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first || last - first >= MOST_SEEDS) return null;
    for (let seed = first; seed <= last; seed++) if (!seeds.includes(seed)) seeds.push(seed);
  }
  return seeds.length === 0 || seeds.length > MOST_SEEDS ? null : seeds;
}

export const MOST_SEEDS = 20;

/** One run per method, order and seed. Seeds vary fastest, so that one setting finishes before the next begins. */
export function settingsOfQueue(
  draft: RunSettings,
  methods: readonly MethodName[],
  orders: readonly (readonly string[])[],
  seeds: readonly number[],
): RunSettings[] {
  return methods.flatMap((name) => {
    // The method chosen in the form keeps the settings entered for it.
    const base = name === draft.method.name ? draft : withMethod(draft, name);
    return orders.flatMap((order) =>
      seeds.map((seed) => ({ ...base, order: [...order], training: { ...base.training, seed } })),
    );
  });
}
