import { expect, test } from 'vitest';
import { memoryCheckpoints } from '../testing/memory-checkpoints.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import type { RunEvent } from './events.ts';
import type { Results } from './results.ts';
import { Run } from './run.ts';
import { ToldResults } from './told-results.ts';

/** Everything that does not depend on time or is reported only at the end of a round. */
const measured = ({ id, settings, curves, accuracy, measures, spaces }: Results): unknown => ({
  ...{ id, settings, accuracy, measures, spaces },
  ...{ round: curves.round, step: curves.step, loss: curves.loss, gradientNorm: curves.gradientNorm },
});

test.each([
  ['a run', () => false],
  ['a run whose device is lost', (event: RunEvent) => event.type === 'steps' && event.round === 2],
])('the events of %s give the measured results, at every step', async (_, breaks) => {
  const told = new ToldResults(() => performance.now());
  let lost = false;
  let compared = 0;
  const run: Run = new Run(
    tinyHost((event) => {
      told.hear(structuredClone(event));
      const { resultsSoFar } = run;
      if (told.results !== null && resultsSoFar !== null && event.type === 'progress' && event.phase === 'evaluate') {
        compared++;
        expect(measured(told.results)).toEqual(measured(resultsSoFar));
      }
      if (!breaks(event) || lost) return;
      lost = true;
      run.breakDevice();
    }, memoryCheckpoints(0).parts()),
    tinySettings('gorp-plus'),
  );
  await run.execute();
  expect(compared).toBeGreaterThan(8);
  expect(told.results?.curves.step).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(told.results?.status).toBe('stopped');
});

test('pauses do not count as work', () => {
  let now = 0;
  const told = new ToldResults(() => now);
  expect(told.results).toBeNull();
  const results = { seconds: 3, accuracy: { exact: [[null]], ranked: [[null]] } } as Results;
  told.hear({ type: 'so-far', results });
  now = 2000;
  told.hear({ type: 'paused' });
  now = 60_000;
  expect(told.results?.seconds).toBe(5);
  told.hear({ type: 'resumed' });
  now = 61_000;
  expect(told.results?.seconds).toBe(6);
});
