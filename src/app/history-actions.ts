import { explained, GorpError, reportOf } from '../base/errors.ts';
import type { Results } from '../run/results.ts';
import { type RunHistory, runKey } from './history.ts';
import { openedRun } from './opened-run.ts';
import { isActive } from './run-state.ts';
import type { PageStore } from './store.ts';

/** What a person can do with the runs of this browser. */
export interface HistoryActions {
  /** The whole results of a run of this browser; null where they cannot be had, and why is shown. */
  readonly resultsOf: (key: string) => Promise<Results | null>;
  /** Shows a run of this browser in Run and Ranks, as when it ended. */
  readonly openRun: (key: string) => Promise<void>;
}

/** What the page does with them besides. */
export interface PageHistory extends HistoryActions {
  readonly refresh: () => Promise<void>;
  /** Where a run cannot be kept, why is shown. */
  readonly keep: (results: Results) => Promise<void>;
  /** @throws where it cannot be kept. */
  readonly add: (results: Results) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
}

export function createPageHistory(store: PageStore, history: RunHistory): PageHistory {
  const { getState, setState } = store;

  const refresh = async (): Promise<void> => {
    try {
      setState({ history: await history.list(), historyProblem: null });
    } catch (error) {
      setState({ historyProblem: reportOf(error).message });
    }
  };

  /** What `work` gives, and the history as it is then; null where it fails, which is told. */
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
    const { results } = getState().run;
    // The run that is shown may be one that the browser had no room for.
    return results !== null && runKey(results) === key
      ? Promise.resolve(results)
      : withHistory(() => history.open(key));
  };

  return {
    refresh,
    resultsOf,
    keep: async (results) => {
      await withHistory(() => history.add(results));
    },
    add: async (results) => {
      await history.add(results);
      await refresh();
    },
    remove: async (key) => {
      await withHistory(() => history.remove(key));
    },
    openRun: async (key) => {
      const { tab: from } = getState().view;
      const results = await resultsOf(key);
      // A run may have been started while it was read.
      if (results === null || isActive(getState().run.status)) return;
      setState(({ view }) => ({
        run: openedRun(results),
        refused: null,
        // Reading takes a moment, in which a person may have gone to another tab.
        view: { ...view, selected: null, tab: view.tab === from ? 'run' : view.tab },
      }));
    },
  };
}
