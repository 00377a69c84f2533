import { expect, it } from 'vitest';
import { quickResults } from '../../testing/scripted-results.ts';
import { comparedResults, createCompareActions } from './compare.ts';
import { runKey } from './history.ts';
import { createPageStore } from './store.ts';

it('counts a results file and its copy as one run', async () => {
  const store = createPageStore('system');
  const run = quickResults('gorp', 1);
  const other = quickResults('seq-lora', 2);
  const stored = new Map([run, other].map((results) => [runKey(results), results]));
  const actions = createCompareActions(store, {
    resultsOf: (key) => Promise.resolve(stored.get(key) ?? null),
    takeAll: (all) => Promise.resolve(all.map(runKey)),
  });
  const file = (results: object, name: string): File => new File([JSON.stringify(results)], name);
  await actions.takeFiles([file(run, 'a.json'), file(run, 'a (1).json'), file(other, 'b.json')]);
  expect(comparedResults(store.getState().compare)).toEqual([run, other]);
});
