import { expect, test } from 'vitest';
import { promptOf } from './prompt.ts';
import { loadSuperNi, SUPERNI_FOLDERS, SUPERNI_ORDERS } from './super-ni-orders.ts';

const file = (...instances: object[]): string =>
  JSON.stringify({ Definition: [' Answer it. '], Categories: ['QA'], Instances: instances });

test('a task of SuperNI has the published prompt, and every right answer', async () => {
  const paths: string[] = [];
  const task = await loadSuperNi((path) => {
    paths.push(path);
    return Promise.resolve(path.includes('dev') ? file() : file({ id: 'a', input: 'Who?', output: ['Me.', 'I.'] }));
  }, 'task002');
  expect(paths).toContain('SuperNI/task002_quoref_answer_generation/train.json');
  expect(task).toMatchObject({ labels: [], form: 'free', dev: [] });
  expect(task.test).toEqual([{ sentence: 'Who?', label: 'Me.', others: ['I.'] }]);
  expect(promptOf(task, 'Who?')).toBe(
    'Definition: Answer it.\n\nNow complete the following example -\nInput: Who?\nOutput: ',
  );
});

test('a file of another shape, or without examples, is refused', async () => {
  const read = (text: string) => () => Promise.resolve(text);
  await expect(loadSuperNi(read('[{"a": "b"}]'), 'task002')).rejects.toMatchObject({ code: 'tasks/wrong-shape' });
  await expect(loadSuperNi(read(file()), 'task002')).rejects.toMatchObject({ code: 'tasks/empty' });
});

test('both orders have all fifteen tasks', () => {
  for (const order of Object.values(SUPERNI_ORDERS)) {
    expect(order.toSorted()).toEqual(Object.keys(SUPERNI_FOLDERS).toSorted());
  }
});
