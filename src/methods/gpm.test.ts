import { expect, test } from 'vitest';
import { energy, multiply } from '../gorp/matrix.ts';
import { tensorOf } from '../testing/kept-run.ts';
import { changesOf, expectSame, methodRun } from '../testing/method-runs.ts';

const LAYER = 'decoder.block.0.layer.1.EncDecAttention.q';

test('a run of one task equals that of seq-ft bit for bit', async () => {
  expectSame(await methodRun('gpm', {}, ['gloss']), await methodRun('seq-ft', {}, ['gloss']));
});

test('the change of the second task does not respond to inputs of the first', async () => {
  const run = await methodRun('gpm', { threshold: 0.8 });
  const [files] = run.rounds.values();
  const S = await tensorOf(files, `space/${LAYER}`);
  const [first, second] = await changesOf(run, LAYER);
  expect(S.columns).toBeGreaterThan(0);
  expect(energy(second)).toBeGreaterThan(0);
  expect(energy(multiply(first, S)) / energy(first)).toBeGreaterThan(0.1);
  expect(energy(multiply(second, S)) / energy(second)).toBeLessThan(1e-8);
});
