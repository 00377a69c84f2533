import 'fake-indexeddb/auto';
import { createStore, get, set } from 'idb-keyval';
import { expect, it } from 'vitest';
import type { CustomTask } from '../../run/tasks/table-messages.ts';
import { browserTasks } from './task-store.ts';

const taskOf = (name: string, sha256: string): CustomTask => ({
  spec: {
    name,
    kind: 'TC',
    instruction: 'Which?',
    file: `${name}.csv`,
    sha256: sha256.repeat(64),
    header: true,
    textColumn: 'text',
    labelColumn: 'label',
    form: 'labels',
    inputColumn: null,
    frame: 'answer',
    chatAnswers: 'every',
    testShare: 0.2,
    seed: 1,
  },
  labels: ['a', 'b'],
  trainExamples: 4,
  testExamples: 1,
  warnings: [],
  data: new Blob(['{}']),
});

it('two tabs that add a task of one name: the second is refused, and the first stays', async () => {
  const [one, other] = [browserTasks(), browserTasks()];
  const mine = taskOf('reviews', '1');
  await one.addCustom([mine]);
  await expect(other.addCustom([taskOf('first', '3'), taskOf('reviews', '2')])).rejects.toMatchObject({
    code: 'tasks/name-taken',
    message: expect.stringContaining('reviews') as string,
  });
  await other.addCustom([mine]); // the same task again
  expect(
    (await one.load()).custom.map(({ spec }) => spec),
    'all or none',
  ).toEqual([mine.spec]);
  await one.removeCustom('reviews');
  await other.addCustom([taskOf('reviews', '2')]);
  expect((await one.load()).custom.map(({ spec }) => spec.sha256[0])).toEqual(['2']);
});

it('does not replace a task that another version of the page has stored in a form unknown here', async () => {
  const tasks = browserTasks();
  const store = createStore('gorp-web-tasks', 'tasks');
  const newer = { ...taskOf('later', '1'), spec: { name: 'later', form: 'images' } };
  await set('own/later', newer, store);
  await set('folder', { name: 'repository', parts: 7 }, store);
  const { custom, folder, unread } = await tasks.load();
  expect([custom.map(({ spec }) => spec.name).includes('later'), folder]).toEqual([false, null]);
  expect(unread, 'it says what it found').toEqual({ tasks: ['later'], folder: true });
  await expect(tasks.addCustom([taskOf('later', '2')])).rejects.toMatchObject({ code: 'tasks/name-taken' });
  expect(await get('own/later', store)).toMatchObject({ spec: { form: 'images' } });
  await tasks.removeCustom('later');
  await tasks.setFolder(null);
  expect((await tasks.load()).unread).toEqual({ tasks: [], folder: false });
});
