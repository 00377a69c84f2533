import { expect, test } from 'vitest';
import { nameIssue } from './import-form.ts';

test('a new task has a name of its own', () => {
  expect(nameIssue('reviews', ['mine'])).toBeUndefined();
  expect(nameIssue('mine', ['mine'])).toBe('This is also the name of another task of yours');
  expect(nameIssue('ScienceQA', [])).toBe('This is also the name of a dataset of TRACE');
});
