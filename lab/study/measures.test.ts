import { expect, test } from 'vitest';
import { quickResults } from '../../src/testing/scripted-results.ts';
import type { Results } from '../../src/run/results/results.ts';
import { freeMeasures, measuredOf } from './measures.ts';

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

test('general text has columns if it was measured', () => {
  const names = (results: Results): string[] => freeMeasures(results).map(({ name }) => name);
  const measured = quickResults('gorp', 1);
  expect(names(measured)).toEqual(['general text before, nats a token', 'its change', 'KL there']);
  // By 0.04 nats a token and round, a little less for the passages of more tokens: see the script.
  expect(freeMeasures(measured)[1].value).toBeCloseTo(0.08 * 0.978, 3);
  const without = { ...measured };
  delete without.probes;
  expect(names(without)).toEqual([]);
});
