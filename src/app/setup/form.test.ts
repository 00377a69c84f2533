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
    memory: { ask: () => () => undefined, budget: null, keep: () => undefined },
    device: { ask: () => () => undefined, preferences: USUAL, keep: () => undefined },
    pace: { factor: () => null, note: () => undefined },
  });

/** What is shown of a page as it is now; without a browser React would show it as it began. */
function markup(shown: Page, content: ReactNode): string {
  const store = { ...shown.store, getInitialState: shown.store.getState };
  return renderToStaticMarkup(createElement(PageProvider, { value: { ...shown, store } }, content));
}
const textOf = (html: string): string => html.replaceAll(/<[^>]*>/g, ' ').replaceAll('&#x27;', "'");

describe('the menu', () => {
  const html = markup(page(), createElement(MethodField));

  it('has every method of the registry, in its group', () => {
    expect(html).toContain('data-testid="method-select"');
    const groups = [...html.matchAll(/<optgroup label="([^"]*)">(.*?)<\/optgroup>/g)].map(([, title, options]) => ({
      title,
      names: [...options.matchAll(/<option value="([^"]*)"/g)].map(([, name]) => name),
    }));
    for (const { title, names } of groups)
      expect(names).toEqual(METHODS.filter(({ menu }) => menu === title).map(({ name }) => name));
    expect(groups.flatMap(({ names }) => names).sort()).toEqual(METHOD_NAMES.toSorted());
  });

  it('says of the method that is chosen what the registry says', () => {
    for (const { name, summary, needs } of METHODS) {
      const shown = page();
      shown.chooseMethod(name);
      const text = textOf(markup(shown, createElement(MethodField)));
      expect(text, name).toContain(summary);
      expect(text, name).toContain(needsInWords(needs));
    }
  });
});

it.each(METHODS)('the form of $name has its settings and no other method’s', ({ name, settings }) => {
  const draft = embeddedSettings('full', name);
  const fields = [...commonFields(name), ...moreGroups(name).flatMap((group) => group.fields)];
  const html = markup(
    page(),
    fields.map((field) => createElement(SettingField, { key: field.id, field, settings: draft, issue: undefined })),
  );
  const shown = [...html.matchAll(/data-setting="method\.([^"]*)"/g)].map(([, key]) => key);
  expect(shown.sort()).toEqual(Object.keys(settings).sort());
});
