import { expect, test } from 'vitest';
import { splitsOf } from './TaskSources.tsx';

test('splits that the hub lists after another data set has been named are not offered for that', () => {
  const listed = { of: 'org/first', dataset: { id: 'org/first', commit: 'c', splits: [] }, chosen: 0 };
  expect(splitsOf('org/first', listed)).toBe(listed);
  expect(splitsOf('org/second', listed)).toBeNull();
  expect(splitsOf(null, listed), 'half a name').toBeNull();
  expect(splitsOf(null, null)).toBeNull();
});
