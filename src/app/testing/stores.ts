import { type Results, withLabel } from '../../run/results/results.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { createTableWork } from '../../run/tasks/table-work.ts';
import {
  byStart,
  checkedLabel,
  noResults,
  otherNames,
  type RunHistory,
  runKey,
  summaryOf,
  withFreeName,
} from '../state/history.ts';
import type { QueueStorage } from '../state/queue.ts';
import type { Teaches } from '../state/set-up-form.ts';
import { NO_TASKS, type TaskStore, type UserTasks } from '../state/task-store.ts';
import type { TablesWorker } from '../state/tasks.ts';

/** A history that lasts as long as the page. */
export function memoryHistory(runs: readonly Results[] = []): RunHistory {
  const stored = new Map(runs.map((run) => [runKey(run), run]));
  return {
    list: () => {
      const runs = [...stored.values()].map((run) => summaryOf(run, JSON.stringify(run).length)).sort(byStart);
      return Promise.resolve({ runs, unread: [] });
    },
    add: (run) => {
      const labelled = withFreeName(
        run,
        [...stored.values()].map((one) => summaryOf(one)),
      );
      stored.set(runKey(run), labelled);
      return Promise.resolve(labelled);
    },
    // oxlint-disable-next-line typescript/require-await -- a refusal rejects, as in the browser.
    label: async (key, wanted) => {
      const run = stored.get(key);
      if (run === undefined) throw noResults();
      const runs = [...stored.values()].map((one) => summaryOf(one));
      const label = checkedLabel(wanted, otherNames(key, runs));
      stored.set(key, withLabel(run, label));
      return label;
    },
    take: (run) => {
      stored.set(runKey(run), run);
      return Promise.resolve(runKey(run));
    },
    open: (key) => {
      const run = stored.get(key);
      return run === undefined ? Promise.reject(noResults()) : Promise.resolve(run);
    },
    remove: (key) => {
      stored.delete(key);
      return Promise.resolve();
    },
  };
}

/** A queue that lasts as long as the page. @param stored the queue of an earlier visit. */
export function memoryQueue(stored: unknown = null): QueueStorage {
  let queue = stored;
  return {
    read: () => queue,
    write: (next) => {
      queue = structuredClone(next);
      return true;
    },
    own: (onOwn) => onOwn(),
    watch: () => undefined,
  };
}

/** Tasks held in memory, for tests. */
export function memoryTasks(initial: UserTasks = NO_TASKS): TaskStore {
  let data = initial;
  return {
    load: () => Promise.resolve(data),
    addCustom: (tasks) => {
      data = { ...data, custom: [...data.custom, ...tasks] };
      return Promise.resolve();
    },
    removeCustom: (name) => {
      data = { ...data, custom: data.custom.filter(({ spec }) => spec.name !== name) };
      return Promise.resolve();
    },
    setFolder: (folder) => {
      data = { ...data, folder };
      return Promise.resolve();
    },
  };
}

/** The tables worker's functions, called without a worker. */
export function tablesHere(): TablesWorker {
  let work = createTableWork();
  return {
    call: async (name, argument) => (await work[name](argument as never)) as never,
    close: () => {
      work = createTableWork();
    },
  };
}

/** A stored model that a run with these settings has taught the first tasks of its order. */
export const taughtModel = (settings: RunSettings, tasks: number): Teaches => ({
  key: 'run/1-model',
  model: {
    run: 'run',
    name: '',
    settings,
    commit: null,
    lessons: settings.order.slice(0, tasks).map((name, i) => ({
      name,
      question: 'Which?',
      labels: ['a', 'b'],
      form: 'labels',
      method: settings.method.name,
      score: 'exact',
      taughtAt: `2026-12-0${i + 1}T12:00:00.000Z`,
      then: 1,
      now: 0.75,
      tests: 4,
    })),
  },
});
