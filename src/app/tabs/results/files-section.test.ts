import { createElement } from 'react';
import { expect, test } from 'vitest';
import { markup, silentPage, textOf } from '../../testing/markup.ts';
import type { RunStatus } from '../../state/run-state.ts';
import { FilesSection } from './FilesSection.tsx';

test.each<[RunStatus, string]>([
  ['idle', 'None yet.'],
  ['failed', 'None: the run failed before its first task was saved.'],
  ['finished', 'The files of this run are no longer in this browser.'],
])('without files of a run that is %s, the page says why there are none', (status, words) => {
  const page = silentPage();
  page.store.setState(({ run, taught }) => ({ run: { ...run, status }, taught: { ...taught, rounds: [] } }));
  expect(textOf(markup(page, createElement(FilesSection)))).toContain(words);
});
