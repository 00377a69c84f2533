import { createElement } from 'react';
import { expect, it } from 'vitest';
import { TaskSources } from '../form/TaskSources.tsx';
import { QueueList } from '../tabs/queue/QueueTab.tsx';
import { ResultsTab } from '../tabs/results/ResultsTab.tsx';
import { markup, silentPage, textOf } from '../testing/markup.ts';
import { memoryHistory, memoryQueue, memoryTasks } from '../testing/stores.ts';
import type { Page } from './page.ts';
import { NO_TASKS } from './task-store.ts';

/** Results as HTML, once the model's files are listed: the runs wait for them. */
function inResults(page: Page): string {
  page.store.setState(({ taught }) => ({ taught: { ...taught, rounds: [] } }));
  return markup(page, createElement(ResultsTab));
}

const said = (html: string): string => textOf(html).replaceAll(/\s+/g, ' ');

it('says what is stored that this version cannot read, wherever it would be', async () => {
  const history = { ...memoryHistory(), list: () => Promise.resolve({ runs: [], unread: ['a', 'b'] }) };
  const page = silentPage({
    history,
    tasks: memoryTasks({ ...NO_TASKS, unread: { tasks: ['pictures'], folder: true } }),
    checkpoints: () => Promise.resolve({ unfinished: [], unread: ['folder'] }),
    queue: memoryQueue({ isGoing: false, runs: [{ id: 'n', settings: { model: 'x' } }] }),
  });
  await page.load();
  const results = said(inResults(page));
  expect(results).toContain('2 stored runs cannot be read: they are damaged, or from another version of this page.');
  expect(results).toContain('1 checkpoint of an unfinished run cannot be read: it is damaged');
  expect(said(markup(page, createElement(QueueList)))).toContain('1 queued run cannot be read');
  const inTasks = markup(page, createElement(TaskSources, { issue: undefined }));
  expect(said(inTasks)).toMatch(/pictures unreadable, of another version.*The stored folder unreadable/);
  expect(inTasks).toContain('Remove… the unreadable task pictures');
});

it('says nothing of it where all can be read', async () => {
  const page = silentPage();
  await page.load();
  const others = [createElement(QueueList), createElement(TaskSources, { issue: undefined })];
  expect(said(inResults(page) + others.map((part) => markup(page, part)).join(''))).not.toMatch(
    /cannot be read|unreadable/,
  );
});

it('removes unreadable checkpoints one after another', async () => {
  let stored = ['f', 'g'];
  const page = silentPage({
    checkpoints: (command) => {
      if (command.type === 'drop') stored = stored.filter((one) => one !== command.folder);
      return Promise.resolve({ unfinished: [], unread: stored });
    },
  });
  await page.load();
  expect(page.store.getState().unreadCheckpoints).toEqual(['f', 'g']);
  for (const folder of page.store.getState().unreadCheckpoints) await page.dropCheckpoint(folder);
  expect(page.store.getState().unreadCheckpoints).toEqual([]);
});
