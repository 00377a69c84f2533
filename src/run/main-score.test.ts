import { expect, test } from 'vitest';
import { makeCustomTask, type TaskSpec } from '../tasks/custom-task.ts';
import { mainScore, type Score } from '../tasks/forms.ts';
import type { Table } from '../tasks/table.ts';

const TABLE: Table = {
  columns: ['question', 'answer'],
  rows: Array.from({ length: 10 }, (_, i) => [`question ${i}`, `answer ${i}`]),
  lines: Array.from({ length: 10 }, (_, i) => i + 2),
  nested: [],
  warnings: [],
};
const spec = (score?: Score): TaskSpec => ({
  name: 'mine',
  kind: 'QA',
  instruction: null,
  file: 'a.csv',
  sha256: '0'.repeat(64),
  header: true,
  form: 'free',
  textColumn: 'question',
  inputColumn: null,
  labelColumn: 'answer',
  frame: 'answer',
  chatAnswers: 'every',
  testShare: 0.2,
  seed: 1,
  ...(score !== undefined && { score }),
});

test('the main score of a task is that of its form, unless another of its scores is chosen', () => {
  expect(mainScore(makeCustomTask(TABLE, spec()).task)).toBe('rougeL');
  expect(mainScore(makeCustomTask(TABLE, spec('exact')).task)).toBe('exact');
  expect(() => makeCustomTask(TABLE, spec('ranked'))).toThrow(/mine has no score ranked/);
});
