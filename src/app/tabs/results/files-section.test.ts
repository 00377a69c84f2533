import { createElement } from 'react';
import { expect, test } from 'vitest';
import { markup, silentPage, textOf } from '../../testing/markup.ts';
import type { RunStatus } from '../../state/run-state.ts';
import { FilesSection } from './FilesSection.tsx';
import { ResultsTab } from './ResultsTab.tsx';

test.each<[RunStatus, string]>([
  ['idle', 'None yet.'],
  ['failed', 'None: the run failed before its first task was saved.'],
  ['finished', 'The files of this run are no longer in this browser.'],
])('without files of a run that is %s, the page says why there are none', (status, words) => {
  const page = silentPage();
  page.store.setState(({ run, taught }) => ({ run: { ...run, status }, taught: { ...taught, rounds: [] } }));
  expect(textOf(markup(page, createElement(FilesSection)))).toContain(words);
});

test.each<[RunStatus, boolean]>([
  ['finished', false],
  ['running', true],
])('before the files are listed, which moves the runs, these are shown: %s, %s', (status, isShown) => {
  const page = silentPage();
  page.store.setState(({ run }) => ({ run: { ...run, status } }));
  const runs = (): boolean => markup(page, createElement(ResultsTab)).includes('Runs in this browser');
  expect(runs()).toBe(isShown);
  page.store.setState(({ taught }) => ({ taught: { ...taught, rounds: [] } }));
  expect(runs()).toBe(true);
});
