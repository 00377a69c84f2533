import { expect, test } from 'vitest';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import { Run } from '../run.ts';
import { runTable } from './accuracy-table.ts';

test('a run that was stopped while it compiled, before its first test, has a table of gaps', async () => {
  const run: Run = new Run(
    tinyHost((event) => {
      if (event.type === 'progress' && event.phase === 'compile') run.stop();
    }),
    tinySettings('seq-lora'),
  );
  await run.execute();
  if (run.results === null) throw new Error('The run has not begun.');
  expect(run.results.status).toBe('stopped');
  expect(runTable(run.results)).toMatch(/gloss \| – \| – \|/);
});
