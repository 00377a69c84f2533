import { createElement, type ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { PageProvider } from '../state/page-context.tsx';
import { createPage, type Page, type PageParts } from '../state/page.ts';
import { USUAL } from '../state/preferences.ts';
import { memoryHistory, memoryQueue, memoryTasks, tablesHere } from './stores.ts';

/** A page whose workers never answer, but for the given parts. */
export const silentPage = (parts: Partial<PageParts> = {}): Page =>
  createPage({
    openSession: () => ({ send: () => undefined, close: () => undefined }),
    history: memoryHistory(),
    tasks: memoryTasks(),
    tables: tablesHere(),
    theme: 'system',
    models: { openModels: () => ({ send: () => undefined }), storage: undefined },
    askForPreview: () => () => undefined,
    askForLengths: () => () => undefined,
    checkModel: () => Promise.resolve(null),
    openRounds: () => Promise.resolve(),
    exports: {
      open: () => ({ send: () => undefined, close: () => undefined }),
      askWhere: () => Promise.resolve(null),
      deliver: () => undefined,
    },
    askForPlan: () => () => undefined,
    askForDevice: () => () => undefined,
    preferences: USUAL,
    savePreferences: () => undefined,
    bench: () => () => undefined,
    pace: { factor: () => null, note: () => undefined },
    checkpoints: () => Promise.resolve({ unfinished: [], unread: [] }),
    queue: memoryQueue(),
    lastVisit: { form: () => null, saveForm: () => undefined, shown: () => null, saveShown: () => undefined },
    address: { read: () => 'http://localhost/', dropHash: () => undefined },
    ...parts,
  });

/** Renders a page's current state. On a server, React would render the initial state. */
export function markup(shown: Page, content: ReactNode): string {
  const store = { ...shown.store, getInitialState: shown.store.getState };
  return renderToStaticMarkup(createElement(PageProvider, { value: { ...shown, store } }, content));
}

/** The text of a piece of HTML. */
export const textOf = (html: string): string => html.replaceAll(/<[^>]*>/g, ' ').replaceAll('&#x27;', "'");
