import { type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import type { Results } from '../../run/results/results.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { downloadText } from '../ui/download.ts';
import { type SetUpSlice, formWith } from './set-up-form.ts';
import { holdsResults, resultsLink, resultsOfHash, runsIn } from './results-file.ts';
import { endedRun, isActive, type PageRun, type RunSlice } from './run-state.ts';
import { showingProblem, type StoreOf } from './slice.ts';
import type { TasksSlice } from './task-store.ts';
import type { ViewSlice } from './preferences.ts';
import { type Offer, parseSetUp, setUpLink, setUpOfHash, setUpText } from './set-up.ts';

/** A shared set-up that somebody gave, and why the page's own could not be shared. */
export interface SharingSlice {
  /** A shared set-up offered for review. */
  readonly offer: Offer | null;
  readonly sharingProblem: ErrorReport | null;
}

export const sharingSlice: SharingSlice = { offer: null, sharingProblem: null };

/** Sharing a set-up and applying a shared one. Starts no run. */
export interface SharingActions {
  /** A link with the current settings. If they cannot be shared, shows why and returns null. */
  readonly link: () => string | null;
  /** Downloads the same as a file. */
  readonly saveFile: () => void;
  readonly openFile: (file: File) => Promise<void>;
  /** Offers the set-up, or shows the results, in the page's address, if any. */
  readonly readAddress: () => Promise<void>;
  /** A link with the results of the run shown. @throws GorpError `run/results-link-too-long`. */
  readonly linkOfResults: (results: Results) => Promise<string>;
  /** Shows somebody's results file in Run and Ranks, and stores nothing. */
  readonly openResults: (file: File) => Promise<void>;
  /** Shows again what was on the page before somebody's results. */
  readonly closeResults: () => void;
  /** Adds them to the runs of this browser. */
  readonly keepResults: () => Promise<void>;
  /** Applies the offered settings. */
  readonly accept: () => void;
  readonly decline: () => void;
}

/** The address of the page, and a way to drop its hash. */
export interface PageAddress {
  readonly read: () => string;
  readonly dropHash: () => void;
}

/** The address of the browser's tab. */
export const browserAddress: PageAddress = {
  read: () => location.href,
  // Not `location.hash`, which would leave a history entry that offers the set-up again.
  dropHash: () => history.replaceState(history.state, '', location.pathname + location.search),
};

export function createSharing(
  store: StoreOf<SharingSlice & SetUpSlice & RunSlice & ViewSlice & { dropProblem: ErrorReport | null }, TasksSlice>,
  address: PageAddress,
  /** Stores results, and returns their key. */
  keep: (results: Results) => Promise<string>,
): SharingActions {
  const { getState, setState } = store;

  const text = (settings: RunSettings): string | null => {
    try {
      setState({ sharingProblem: null });
      return setUpText(
        settings,
        getState().userTasks.custom.map(({ spec }) => spec.name),
      );
    } catch (error) {
      setState({ sharingProblem: reportOf(error) });
      return null;
    }
  };

  const offer = (from: string, content: string): void => {
    try {
      setState({ offer: { from, setUp: parseSetUp(content, from, getState().draft.model) } });
    } catch (error) {
      setState({ offer: { from, error: reportOf(error) } });
    }
  };

  /** The run that was on the page before somebody's results. */
  let before: PageRun | null = null;

  /** Shows results without storing them, unless a run is in progress. */
  const showResults = (from: string, read: () => Promise<Results | null>): Promise<void> =>
    showingProblem(
      (dropProblem) => setState({ dropProblem }),
      async () => {
        const results = await read();
        if (results === null) return;
        const { run, view } = getState();
        if (isActive(run.status)) {
          throw new GorpError(
            'run/results-during-run',
            `${from} holds somebody’s results, but a run is in progress here.`,
            'Open them when it has ended, or in another window.',
          );
        }
        if (run.sharedAs === null) before = run;
        setState({
          run: endedRun(results, { sharedAs: from }),
          refused: null,
          view: { ...view, selected: null, tab: 'run' },
        });
      },
    );

  const closeResults = (): void => {
    if (getState().run.sharedAs !== null && before !== null) setState({ run: before });
    before = null;
    if (holdsResults(new URL(address.read()).hash)) address.dropHash();
  };
  // Once another run is on the page, a reload must not bring the results back.
  store.subscribe(({ run: { sharedAs } }, last) => {
    if (sharedAs === null && last.run.sharedAs !== null) closeResults();
  });

  const close = (): void => {
    setState({ offer: null });
    if (setUpOfHash(new URL(address.read()).hash) !== null) address.dropHash();
  };

  return {
    link: () => {
      const content = text(getState().draft);
      return content === null ? null : setUpLink(address.read(), content);
    },
    saveFile: () => {
      const { draft } = getState();
      const content = text(draft);
      if (content !== null) downloadText(`gorp-web-set-up-${draft.method.name}.json`, content);
    },
    openFile: async (file) => offer(file.name, await file.text()),
    readAddress: async () => {
      const { hash } = new URL(address.read());
      const content = setUpOfHash(hash);
      if (content !== null) offer('The link', content);
      else await showResults('The link', () => resultsOfHash(hash));
    },
    linkOfResults: (results) => resultsLink(address.read(), results),
    openResults: (file) =>
      showResults(file.name, async () => {
        const [results, ...others] = await runsIn(file);
        if (results !== undefined && others.length === 0) return results;
        throw new GorpError(
          'run/several-results',
          `${file.name} holds ${others.length === 0 ? 'no finished run' : `${others.length + 1} runs`}.`,
          'Open a results file of one run, or drop this file on the page to compare its runs.',
        );
      }),
    closeResults,
    keepResults: async () => {
      const { results, sharedAs } = getState().run;
      if (results === null || sharedAs === null) return;
      try {
        const key = await keep(results);
        setState(({ run }) => ({ run: { ...run, key, sharedAs: null } }));
      } catch (error) {
        setState({ dropProblem: reportOf(error) });
      }
    },
    accept: () => {
      const { offer: given } = getState();
      if (given !== null && 'setUp' in given) setState(formWith(given.setUp.settings));
      close();
    },
    decline: close,
  };
}
