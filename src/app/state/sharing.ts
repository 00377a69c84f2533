import { type ErrorReport, reportOf } from '../../base/errors.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { downloadText } from '../ui/download.ts';
import { type SetUpSlice, formWith } from './set-up-form.ts';
import type { RunSlice } from './run-state.ts';
import type { StoreOf } from './slice.ts';
import type { TasksSlice } from './task-store.ts';
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
  /** Offers the set-up in the page's address, if any. */
  readonly readAddress: () => void;
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
  store: StoreOf<SharingSlice & SetUpSlice & RunSlice, TasksSlice>,
  address: PageAddress,
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
    readAddress: () => {
      const content = setUpOfHash(new URL(address.read()).hash);
      if (content !== null) offer('The link', content);
    },
    accept: () => {
      const { offer: given } = getState();
      if (given !== null && 'setUp' in given) setState(formWith(given.setUp.settings));
      close();
    },
    decline: close,
  };
}
