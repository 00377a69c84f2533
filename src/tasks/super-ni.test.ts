import { describe, expect, test } from 'vitest';
import { GorpError } from '../base/errors.ts';
import { loadSuperNi, loadTrace, SUPERNI_FOLDERS } from './benchmarks.ts';
import { PUBLISHED_ORDERS, TRACE_SCORES } from './orders.ts';
import { promptOf } from './prompt.ts';

const file = (...instances: object[]): string =>
  JSON.stringify({ Definition: [' Answer it. '], Categories: ['QA'], Instances: instances });

test('a task of SuperNI has the published prompt, and every right answer', async () => {
  const paths: string[] = [];
  const { task, warnings } = await loadSuperNi((path) => {
    paths.push(path);
    return Promise.resolve(
      path.includes('dev')
        ? file()
        : file({ id: 'a', input: 'Who?', output: ['Me.', 'I.'] }, { input: 'Why?', output: [''] }),
    );
  }, 'task002');
  expect(paths).toContain('SuperNI/task002_quoref_answer_generation/train.json');
  expect(task).toMatchObject({ labels: [], form: 'free', dev: [] });
  expect(warnings.toSorted()).toEqual(
    ['test', 'train'].map(
      (split) => `SuperNI/task002_quoref_answer_generation/${split}.json: One row left out: no answer (row 2).`,
    ),
  );
  expect(task.test).toEqual([{ sentence: 'Who?', label: 'Me.', others: ['I.'], row: 1 }]);
  expect(promptOf(task, 'Who?')).toBe(
    'Definition: Answer it.\n\nNow complete the following example -\nInput: Who?\nOutput: ',
  );
});

describe('SuperNI inside CL_Benchmark, as SAPT and GainLoRA publish it', () => {
  const missing = (path: string): GorpError => new GorpError('tasks/not-found', `${path} is not there.`, 'Look again.');

  test('is read', async () => {
    const read = (path: string): Promise<string> =>
      path.startsWith('CL_Benchmark/')
        ? Promise.resolve(file({ input: 'Who?', output: ['Me.'] }))
        : Promise.reject(missing(path));
    const { task } = await loadSuperNi(read, 'task002');
    expect(task.train).toEqual([{ sentence: 'Who?', label: 'Me.', row: 1 }]);
  });

  test('that is in neither place is missing from the first', async () => {
    const read = (path: string): Promise<string> => Promise.reject(missing(path));
    await expect(loadSuperNi(read, 'task002')).rejects.toMatchObject({
      message: expect.stringMatching(/^SuperNI/) as string,
    });
  });

  test('that a server does not answer about is not called missing', async () => {
    const read = (path: string): Promise<string> =>
      Promise.reject(
        path.startsWith('CL_Benchmark/') ? new GorpError('tasks/unreachable', 'No answer.', 'Wait.') : missing(path),
      );
    await expect(loadSuperNi(read, 'task002')).rejects.toMatchObject({ code: 'tasks/unreachable' });
  });
});

test('a file of another shape, or without examples, is refused', async () => {
  const read = (text: string) => () => Promise.resolve(text);
  await expect(loadSuperNi(read('[{"a": "b"}]'), 'task002')).rejects.toMatchObject({ code: 'tasks/wrong-shape' });
  await expect(loadSuperNi(read(file()), 'task002')).rejects.toMatchObject({ code: 'tasks/empty' });
});

test('both orders have all fifteen tasks', () => {
  const orders = PUBLISHED_ORDERS.filter(({ family }) => family === 'superni');
  expect(orders).toHaveLength(2);
  for (const { rounds } of orders) {
    expect(rounds.map(({ dataset }) => dataset).toSorted()).toEqual(Object.keys(SUPERNI_FOLDERS).toSorted());
  }
});

test('a task of TRACE has whole prompts, and the score that stands for the published one', async () => {
  const paths: string[] = [];
  const { task } = await loadTrace((path) => {
    paths.push(path);
    return Promise.resolve(JSON.stringify([{ prompt: 'Is it? A, B', answer: 'A' }]));
  }, 'C-STANCE');
  expect(paths).toEqual(['C-STANCE/train.json', 'C-STANCE/eval.json', 'C-STANCE/test.json']);
  expect(task).toMatchObject({ form: 'free', score: 'exact', train: [{ sentence: 'Is it? A, B', label: 'A' }] });
  expect(promptOf(task, 'Is it? A, B')).toBe('Is it? A, B');
  const other = () => Promise.resolve('[{"question": "a", "answer": "b"}]');
  await expect(loadTrace(other, 'FOMC')).rejects.toMatchObject({ code: 'tasks/wrong-shape' });
  const order = PUBLISHED_ORDERS.find(({ family }) => family === 'trace');
  expect(order?.rounds.map(({ dataset }) => dataset)).toEqual(Object.keys(TRACE_SCORES));
});
