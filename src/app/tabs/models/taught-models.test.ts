import { createElement } from 'react';
import { expect, it } from 'vitest';
import type { ModelSummary } from '../../../run/files/model-line.ts';
import { quickResults } from '../../../testing/scripted-results.ts';
import type { TaughtModel } from '../../../worker/protocol.ts';
import type { RunStatus } from '../../state/run-state.ts';
import { markup, silentPage } from '../../testing/markup.ts';
import { StoredModels } from './ModelsTab.tsx';
import { inTrees, overBudget } from './TaughtModels.tsx';

const GIB = 2 ** 30;
const model = (key: number, gib: number): TaughtModel => ({
  key: String(key),
  bytes: gib * GIB,
  savedAt: key,
  name: '',
  model: null,
});

it('offers the oldest models, as few as make the others fit, and never the one in use', () => {
  const models = [model(4, 1), model(3, 1), model(2, 1), model(1, 1)];
  const offered = (gib: number): string[] => overBudget(models, gib, '1');
  expect(offered(4)).toEqual([]);
  expect(offered(3.5)).toEqual(['2']);
  expect(offered(2)).toEqual(['2', '3']);
  expect(overBudget([model(1, 9)], 1, '1'), 'a budget smaller than one model').toEqual([]);
});

it('puts each model below the one that it was taught from, with branches, and what cannot be read last', () => {
  const taught = (key: string, ...lessons: string[]): TaughtModel => {
    const summary = { lessons: lessons.map((name) => ({ name, taughtAt: name.toUpperCase() })) };
    return { key, bytes: 1, savedAt: 1, name: key, model: summary as unknown as ModelSummary };
  };
  const models = [
    taught('notes', 'mails', 'notes'),
    { ...taught('broken'), model: null },
    taught('deep', 'mails', 'chats', 'news'),
    taught('other', 'mails2', 'chats'),
    taught('mails', 'mails'),
    taught('chats', 'mails', 'chats'),
  ];
  expect(inTrees(models).map(({ taught: { key }, depth }) => `${depth} ${key}`)).toEqual([
    '0 other',
    '0 mails',
    '1 notes',
    '1 chats',
    '2 deep',
    '0 broken',
  ]);
});

it('removes base models while a run waits for room, but never its own', () => {
  const { settings } = quickResults('gorp', 1);
  const removable = (status: RunStatus): string[] => {
    const page = silentPage();
    page.store.setState(({ run, models }) => ({
      run: { ...run, status, settings: { ...settings, model: 'picked:own' } },
      models: { ...models, stored: [] },
      keptModels: ['own', 'other'].map((name) => ({ name, bytes: 1 })),
    }));
    const html = markup(page, createElement(StoredModels));
    const buttons = html.match(/<button[^>]*aria-label="Remove… the copy of [^>]*>/g) ?? [];
    expect(buttons).toHaveLength(2);
    return buttons.flatMap((button) =>
      button.includes('disabled=""') ? [] : [/copy of (\w+)/.exec(button)?.[1] ?? ''],
    );
  };
  expect(removable('running')).toEqual([]);
  expect(removable('paused')).toEqual(['other']);
  expect(removable('finished')).toEqual(['own', 'other']);
});
