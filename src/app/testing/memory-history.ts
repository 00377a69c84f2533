import type { RunHistory, RunSummary } from '../history.ts';

/** A history that lasts as long as the page. */
export function memoryHistory(runs: readonly RunSummary[] = []): RunHistory {
  let kept = [...runs];
  return {
    list: () => Promise.resolve(kept.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))),
    add: (run) => {
      kept = [...kept.filter(({ startedAt }) => startedAt !== run.startedAt), run];
      return Promise.resolve();
    },
    remove: (startedAt) => {
      kept = kept.filter((run) => run.startedAt !== startedAt);
      return Promise.resolve();
    },
  };
}
