import { expect, test } from 'vitest';
import { quickResults } from '../../src/testing/scripted-results.ts';
import { measuredOf } from './measures.ts';

test('the worst task is one that was learned, not one that is only watched', () => {
  const results = quickResults('gorp', 1);
  const { tasks, accuracy } = results;
  const [first] = tasks;
  const watched = { ...results, tasks: [...tasks, { ...first, name: 'seen', watched: true as const }] };
  const exact = accuracy.exact.map((row) => [...row, 0]);
  const { worst } = measuredOf(results);
  expect(worst).toBeGreaterThan(0);
  expect(measuredOf({ ...watched, accuracy: { ...accuracy, exact } }).worst).toBe(worst);
});
