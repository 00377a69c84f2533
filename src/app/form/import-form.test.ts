import { expect, test } from 'vitest';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import { FORM_DEFAULTS } from '../../tasks/likely-spec.ts';
import { nameIssue, withColumns } from './ImportDialog.tsx';

test('a new task has a name of its own', () => {
  expect(nameIssue('reviews', ['mine'], ['mails'])).toBeUndefined();
  expect(nameIssue('mine', ['mine'], [])).toBe('This is also the name of another task of yours: choose another.');
  expect(nameIssue('mails', ['mine'], ['mails'])).toBe(
    'This is also the name of a task that the model knows: choose another.',
  );
  expect(nameIssue('ScienceQA', [], [])).toBe('This is also the name of a dataset of TRACE: choose another.');
});

const SPEC: TaskSpec = {
  name: 'reviews',
  kind: 'SC',
  instruction: 'Good or bad?',
  file: 'reviews.csv',
  sha256: '0'.repeat(64),
  header: true,
  form: 'labels',
  textColumn: 'text',
  inputColumn: null,
  labelColumn: 'label',
  score: 'ranked',
  frame: 'answer',
  chatAnswers: 'every',
  testShare: 0.2,
  seed: 1,
};
const columns = (form: TaskSpec['form']) => ({ form, textColumn: 'body', inputColumn: null, labelColumn: 'reply' });

test('another form of answers brings its kind and question, and no main score of the form before', () => {
  const free = withColumns(SPEC, columns('free'), {});
  expect(free).toMatchObject({ form: 'free', textColumn: 'body', ...FORM_DEFAULTS.free });
  expect(free).not.toHaveProperty('score');
  expect(withColumns(SPEC, columns('labels'), {})).toEqual({ ...SPEC, textColumn: 'body', labelColumn: 'reply' });
});

test('another form of answers does not replace what was typed, except for a question where none is asked', () => {
  const typed = { kind: 'Support', instruction: 'What does she mean?' };
  expect(withColumns({ ...SPEC, ...typed }, columns('free'), typed)).toMatchObject(typed);
  const chat = withColumns({ ...SPEC, ...typed }, columns('chat'), typed);
  expect(chat).toMatchObject({ kind: 'Support', instruction: null });
  expect(withColumns(chat, columns('labels'), typed)).toMatchObject(typed);
});
