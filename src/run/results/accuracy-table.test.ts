import { expect, test } from 'vitest';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import type { Results } from './results.ts';
import { Run } from '../run.ts';
import { runTable } from './accuracy-table.ts';

test('a run that was stopped while it compiled, before its first test, has a table of gaps', async () => {
  let results: Results | null = null;
  const run: Run = new Run(
    tinyHost((event) => {
      if (event.type === 'progress' && event.phase === 'compile') run.stop();
      if (event.type === 'stopped') ({ results } = event);
    }),
    tinySettings('seq-lora'),
  );
  await run.execute();
  if (results === null) throw new Error('The run was not stopped.');
  expect(runTable(results)).toMatch(/gloss \| – \| – \|/);
});
