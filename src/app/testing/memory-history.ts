import type { Results } from '../../run/results.ts';
import { byStart, noResults, type RunHistory, runKey, summaryOf } from '../history.ts';

/** A history that lasts as long as the page. */
export function memoryHistory(runs: readonly Results[] = []): RunHistory {
  const kept = new Map(runs.map((run) => [runKey(run), run]));
  return {
    list: () =>
      Promise.resolve([...kept.values()].map((run) => summaryOf(run, JSON.stringify(run).length)).sort(byStart)),
    add: (run) => {
      kept.set(runKey(run), run);
      return Promise.resolve();
    },
    take: (run) => {
      kept.set(runKey(run), run);
      return Promise.resolve(runKey(run));
    },
    open: (key) => {
      const run = kept.get(key);
      return run === undefined ? Promise.reject(noResults()) : Promise.resolve(run);
    },
    remove: (key) => {
      kept.delete(key);
      return Promise.resolve();
    },
  };
}
