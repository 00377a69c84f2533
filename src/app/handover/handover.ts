import { reportOf } from '../../base/errors.ts';
import type { RunSettings } from '../../run/settings.ts';
import { downloadText } from '../download.ts';
import type { PageStore } from '../store.ts';
import { parseSetUp, setUpLink, setUpOfHash, setUpText } from './set-up.ts';

/** Handing a set-up on and taking one over. Nothing is started. */
export interface HandOverActions {
  /** The link that holds the present settings; null where they cannot be handed on, and why is told. */
  readonly link: () => string | null;
  /** The same as a file, into the browser's downloads. */
  readonly saveFile: () => void;
  readonly openFile: (file: File) => Promise<void>;
  /** Looks whether the page was opened by a link with a set-up. */
  readonly readAddress: () => void;
  /** Takes the offered settings over. */
  readonly accept: () => void;
  readonly decline: () => void;
}

/** The address of the page, and how its hash is taken away. */
export interface PageAddress {
  readonly read: () => string;
  readonly dropHash: () => void;
}

/** The address of the browser's tab. */
export const browserAddress: PageAddress = {
  read: () => location.href,
  // Not by `location.hash`: that would leave a step in the history that offers the set-up again.
  dropHash: () => history.replaceState(history.state, '', location.pathname + location.search),
};

export function createHandOver(store: PageStore, address: PageAddress): HandOverActions {
  const { getState, setState } = store;

  const text = (settings: RunSettings): string | null => {
    try {
      setState({ handOverProblem: null });
      return setUpText(
        settings,
        getState().taskData.custom.map(({ spec }) => spec.name),
      );
    } catch (error) {
      setState({ handOverProblem: reportOf(error) });
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
      if (given !== null && 'setUp' in given)
        setState({ draft: given.setUp.settings, resumePoint: null, refused: null });
      close();
    },
    decline: close,
  };
}
