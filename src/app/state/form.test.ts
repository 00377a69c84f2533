import { createElement } from 'react';
import { describe, expect, it } from 'vitest';
import { needsInWords } from '../../methods/parts/method.ts';
import { METHOD_NAMES, methodPreset, METHODS, planOf } from '../../methods/registry.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { markup, silentPage, textOf } from '../testing/markup.ts';
import { commonFields, moreGroups } from './fields.ts';
import { MethodField } from '../form/SetupPanel.tsx';
import { RunBar } from '../form/RunBar.tsx';
import { SettingField } from '../form/SettingField.tsx';

describe('the menu of methods', () => {
  const html = markup(silentPage(), createElement(MethodField));

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
    for (const { name, summary } of METHODS) {
      const shown = silentPage();
      shown.chooseMethod(name);
      const text = textOf(markup(shown, createElement(MethodField)));
      expect(text, name).toContain(summary);
      expect(text, name).toContain(needsInWords(planOf(methodPreset(name))));
    }
  });
});

it('Start waits for the check of chosen model files', () => {
  const shown = silentPage();
  const start = (): string =>
    /<button[^>]*data-testid="start"[^>]*>/.exec(markup(shown, createElement(RunBar)))?.[0] ?? '';
  expect(start()).not.toMatch(/ disabled/);
  shown.store.setState({ checkingModel: 'tiny.gguf' });
  expect(start()).toMatch(/ disabled/);
});

it.each(METHODS)('the form of $name has exactly the method’s settings', ({ name, settings }) => {
  const draft = embeddedSettings('full', name);
  const fields = [...commonFields(name), ...moreGroups(name).flatMap((group) => group.fields)];
  const html = markup(
    silentPage(),
    fields.map((field) => createElement(SettingField, { key: field.id, field, settings: draft, issue: undefined })),
  );
  const shown = [...html.matchAll(/data-setting="method\.([^"]*)"/g)].map(([, key]) => key);
  expect(shown.sort()).toEqual(Object.keys(settings).sort());
});
