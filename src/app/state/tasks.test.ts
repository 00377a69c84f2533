import { expect, test } from 'vitest';
import { watching, withText } from '../../run/settings/settings.ts';
import { guessedSpec } from '../form/ImportDialog.tsx';
import { memoryTasks, tablesHere } from '../testing/stores.ts';
import { createPageStore } from './store.ts';
import { createTaskActions } from './tasks.ts';

const REVIEWS = ['text,label', ...Array.from({ length: 20 }, (_, i) => `text ${i},${i % 2 ? 'good' : 'bad'}`)];

test.each<[string, { order: string[]; watch?: string[] }, { order: string[]; watch?: string[] }]>([
  ['is learned last', { order: ['gloss'] }, { order: ['gloss', 'reviews'] }],
  ['takes the place of one that was missing', { order: ['reviews', 'gloss'] }, { order: ['reviews', 'gloss'] }],
  [
    'is only tested if the one that was missing was',
    { order: ['gloss'], watch: ['reviews'] },
    { order: ['gloss'], watch: ['reviews'] },
  ],
])('a task that is added %s', async (_, before, after) => {
  const store = createPageStore('system');
  store.setState(({ draft }) => ({ draft: { ...watching(draft, []), ...before } }));
  const tasks = createTaskActions(store, memoryTasks(), tablesHere());
  await tasks.give([{ path: 'reviews.csv', file: new File([REVIEWS.join('\n')], 'reviews.csv') }]);
  const { openFile } = store.getState();
  if (openFile === null) throw new Error('the file was not opened');
  await tasks.addTask(guessedSpec(openFile, []));
  const { draft, taskProblem, userTasks } = store.getState();
  expect(taskProblem).toBeNull();
  expect(userTasks.custom.map(({ spec }) => spec.name)).toEqual(['reviews']);
  expect({ order: draft.order, ...(draft.watch && { watch: draft.watch }) }).toEqual(after);
});

test('a task that is removed is no general text any more', async () => {
  const store = createPageStore('system');
  const tasks = createTaskActions(store, memoryTasks(), tablesHere());
  store.setState(({ draft }) => ({ draft: withText(draft, 'own:notes') }));
  await tasks.removeTask('reviews');
  expect(store.getState().draft.training.generalText).toBe('own:notes');
  await tasks.removeTask('notes');
  expect(store.getState().draft.training.generalText).toBe('included');
});
