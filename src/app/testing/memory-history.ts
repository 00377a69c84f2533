import type { Results } from '../../run/results/results.ts';
import { withLabel } from '../../run/results/run-label.ts';
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
