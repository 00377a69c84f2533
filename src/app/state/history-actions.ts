import { type ErrorReport, explained, GorpError, reportOf } from '../../base/errors.ts';
import { type Results, type RunLabel, labelOf, withLabel } from '../../run/results/results.ts';
import { type RunHistory, runKey, shownKey } from './history.ts';
import { endedRun, isActive } from './run-state.ts';
import type { PageStore } from './store.ts';

/** Actions on the runs stored in this browser. */
export interface HistoryActions {
  /** The full results of a stored run. If they are unavailable, shows why and returns null. */
  readonly resultsOf: (key: string) => Promise<Results | null>;
  /** Shows a stored run in Run and Ranks as it was when it ended. */
  readonly openRun: (key: string) => Promise<void>;
  /** Names a stored run. Returns why if that is not possible. */
  readonly labelRun: (key: string, label: RunLabel) => Promise<ErrorReport | null>;
}

/** Further steps of the page on stored runs. */
interface PageHistory extends HistoryActions {
  readonly refresh: () => Promise<void>;
  /** Stores a run. Shows why if that fails. @returns whether all its results are stored. */
  readonly save: (results: Results) => Promise<boolean>;
  /** Stores results files that the person added, and returns their keys. @throws if that fails. */
  readonly takeAll: (all: readonly Results[], onTaken?: (count: number) => void) => Promise<string[]>;
  readonly remove: (key: string) => Promise<void>;
}

export function createPageHistory(store: PageStore, history: RunHistory): PageHistory {
  const { getState, setState } = store;

  const refresh = async (): Promise<void> => {
    try {
      const { runs, unread } = await history.list();
      setState({ history: runs, unreadRuns: unread, historyProblem: null });
    } catch (error) {
      setState({ historyProblem: reportOf(error).message });
    }
  };

  /** Runs `work`, then refreshes the history. If `work` fails, shows why and returns null. */
  const withHistory = async <T>(work: () => Promise<T>): Promise<T | null> => {
    let problem: string | null = null;
    const done = await work().catch((error: unknown) => {
      problem = error instanceof GorpError ? explained(error) : reportOf(error).message;
      return null;
    });
    await refresh();
    if (problem !== null) setState({ historyProblem: problem });
    return done;
  };

  const resultsOf = (key: string): Promise<Results | null> => {
    const { history: stored, run } = getState();
    const isStored = stored.some((one) => runKey(one) === key && one.resultsBytes !== null);
    // The shown run may be one that the browser had no room to store, but also somebody's file with the name of a stored one.
    return !isStored && run.results !== null && shownKey(run) === key
      ? Promise.resolve(run.results)
      : withHistory(() => history.open(key));
  };

  /** Shows name and notes with a run, if it is the one shown. */
  const showLabel = (key: string, label: RunLabel): void =>
    setState(({ run }) => {
      if (run.results === null || shownKey(run) !== key) return {};
      return { run: { ...run, results: withLabel(run.results, label) } };
    });

  return {
    refresh,
    resultsOf,
    labelRun: async (key, wanted) => {
      try {
        const label = await history.label(key, wanted);
        await refresh();
        showLabel(key, label);
        return null;
      } catch (error) {
        return reportOf(error);
      }
    },
    save: async (results) => {
      const labelled = await withHistory(() => history.add(results));
      if (labelled !== null) showLabel(runKey(results), labelOf(labelled));
      return labelled !== null;
    },
    takeAll: async (all, onTaken) => {
      const keys: string[] = [];
      try {
        for (const results of all) {
          keys.push(await history.take(results));
          onTaken?.(keys.length);
        }
      } finally {
        await refresh();
      }
      return keys;
    },
    remove: async (key) => {
      await withHistory(() => history.remove(key));
    },
    openRun: async (key) => {
      const { tab: from } = getState().view;
      const results = await resultsOf(key);
      // A run may have started while the results were read.
      if (results === null || isActive(getState().run.status)) return;
      setState(({ view }) => ({
        run: endedRun(results, { key }),
        refused: null,
        // Meanwhile the person may have opened another tab.
        view: { ...view, selected: null, tab: view.tab === from ? 'run' : view.tab },
      }));
    },
  };
}
