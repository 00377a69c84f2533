import { draftIssues } from './validate.ts';
import type { PageState, PageStore } from './store.ts';
import { pageTasksOf } from './task-store.ts';
import { CLOSED, type PreviewState } from './preview-state.ts';
import type { AskForPreview } from './text-reader.ts';

/** Milliseconds without a change before an example is read, so that typing does not start one per letter. */
export const QUIET_MS = 500;

/** The first example as the model would read it with the page's settings. */
export interface Previewer {
  /** Updates the store's `preview` whenever the settings change, until closed. Asks no other server. */
  readonly open: () => void;
  readonly close: () => void;
  /** Reads it at once, and lets the worker ask the servers of model and tasks until the settings name others. */
  readonly lookUp: () => void;
}

type Basis = readonly unknown[];

const basisOf = ({ draft, access, taskData }: PageState): Basis => [draft, access, taskData];

/** The settings that decide which servers are asked. */
const serversOf = ({ draft, access }: PageState): Basis => [draft.model, draft.tasks, access.hub.endpoint];

const isSame = (a: Basis | null, b: Basis): boolean => a !== null && a.every((part, i) => part === b[i]);

export function createPreviewer(store: PageStore, ask: AskForPreview): Previewer {
  const { getState, setState } = store;
  /** The settings whose servers may be asked. */
  let allowed: Basis | null = null;
  let basis: Basis | null = null;
  let giveUp: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let unsubscribe: (() => void) | null = null;

  const show = (preview: PreviewState): void => setState({ preview });
  const drop = (): void => {
    clearTimeout(timer);
    giveUp?.();
    giveUp = null;
  };

  const read = (): void => {
    drop();
    const { draft, access, taskData, preview } = getState();
    if (draftIssues(draft, taskData).size > 0) {
      show({ status: 'none' });
      return;
    }
    const mayAsk = isSame(allowed, serversOf(getState()));
    const hub = mayAsk ? access.hub : { ...access.hub, token: null };
    const tasks = pageTasksOf(draft, taskData);
    show({ status: 'reading', last: preview.status === 'read' ? preview.preview : null });
    giveUp = ask({ settings: draft, access: { ...access, hub }, tasks, mayAsk }, (answer) => {
      giveUp = null;
      switch (answer.type) {
        case 'preview':
          show({ status: 'read', preview: answer.preview });
          break;
        case 'elsewhere':
          show({ status: 'elsewhere' });
          break;
        case 'no-preview':
          show({ status: 'failed', error: answer.error });
      }
    });
  };

  return {
    open: () => {
      if (unsubscribe !== null) return;
      basis = basisOf(getState());
      unsubscribe = store.subscribe((state) => {
        const next = basisOf(state);
        if (isSame(basis, next)) return;
        basis = next;
        clearTimeout(timer);
        timer = setTimeout(read, QUIET_MS);
      });
      read();
    },
    close: () => {
      unsubscribe?.();
      unsubscribe = null;
      drop();
      show(CLOSED);
    },
    lookUp: () => {
      allowed = serversOf(getState());
      read();
    },
  };
}
