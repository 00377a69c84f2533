import { createElement, type ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { needsInWords } from '../../methods/parts/method.ts';
import { METHOD_NAMES, METHODS } from '../../methods/registry.ts';
import { embeddedSettings } from '../../run/presets.ts';
import { USUAL } from '../device/preferences.ts';
import { createPage, type Page } from '../page.ts';
import { PageProvider } from '../page-context.tsx';
import { createTableClient } from '../tasks/table-client.ts';
import { memoryHistory } from '../testing/memory-history.ts';
import { memoryQueue } from '../testing/memory-queue.ts';
import { memoryTasks } from '../testing/memory-tasks.ts';
import { tablesHere } from '../testing/tables-here.ts';
import { commonFields, moreGroups } from './fields.ts';
import { MethodField } from './MethodField.tsx';
import { SettingField } from './SettingField.tsx';

const page = (): Page =>
  createPage({
    openSession: () => ({ send: () => undefined, close: () => undefined }),
    history: memoryHistory(),
    tasks: memoryTasks(),
    tableClient: createTableClient(tablesHere()),
    theme: 'system',
    models: { openModels: () => ({ send: () => undefined }), storage: undefined },
    askForPreview: () => () => undefined,
    memory: { ask: () => () => undefined, budget: null, keep: () => undefined },
    device: { ask: () => () => undefined, preferences: USUAL, keep: () => undefined },
    pace: { factor: () => null, note: () => undefined },
    checkpoints: () => Promise.resolve(null),
    queue: memoryQueue(),
    address: { read: () => 'http://localhost/', dropHash: () => undefined },
  });

/** Renders a page's current state. On a server, React would render the initial state. */
function markup(shown: Page, content: ReactNode): string {
  const store = { ...shown.store, getInitialState: shown.store.getState };
  return renderToStaticMarkup(createElement(PageProvider, { value: { ...shown, store } }, content));
}
const textOf = (html: string): string => html.replaceAll(/<[^>]*>/g, ' ').replaceAll('&#x27;', "'");

describe('the menu of methods', () => {
  const html = markup(page(), createElement(MethodField));

  it('lists every method of the registry in its group', () => {
    expect(html).toContain('data-testid="method-select"');
    const groups = [...html.matchAll(/<optgroup label="([^"]*)">(.*?)<\/optgroup>/g)].map(([, title, options]) => ({
      title,
      names: [...options.matchAll(/<option value="([^"]*)"/g)].map(([, name]) => name),
    }));
    for (const { title, names } of groups)
      expect(names).toEqual(METHODS.filter(({ menu }) => menu === title).map(({ name }) => name));
    expect(groups.flatMap(({ names }) => names).sort()).toEqual(METHOD_NAMES.toSorted());
  });

  it('shows the summary and needs of the chosen method', () => {
    for (const { name, summary, needs } of METHODS) {
      const shown = page();
      shown.chooseMethod(name);
      const text = textOf(markup(shown, createElement(MethodField)));
      expect(text, name).toContain(summary);
      expect(text, name).toContain(needsInWords(needs));
    }
  });
});

it.each(METHODS)('the form of $name has exactly the method’s settings', ({ name, settings }) => {
  const draft = embeddedSettings('full', name);
  const fields = [...commonFields(name), ...moreGroups(name).flatMap((group) => group.fields)];
  const html = markup(
    page(),
    fields.map((field) => createElement(SettingField, { key: field.id, field, settings: draft, issue: undefined })),
  );
  const shown = [...html.matchAll(/data-setting="method\.([^"]*)"/g)].map(([, key]) => key);
  expect(shown.sort()).toEqual(Object.keys(settings).sort());
});
