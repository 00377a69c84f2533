import { expect, test } from 'vitest';
import { energy, type Matrix, multiply, subtract } from '../linear-algebra/matrix.ts';
import { spaceOf } from '../testing/saved-run.ts';
import { changesOf, expectSame, methodRun } from '../testing/method-runs.ts';
import { trace } from '../testing/matrices.ts';

const LAYER = 'decoder.block.0.layer.1.EncDecAttention.q';

test('a run of one task equals that of seq-ft bit for bit', async () => {
  expectSame(await methodRun('gpm', {}, ['gloss']), await methodRun('seq-ft', {}, ['gloss']));
});

test('the change of the second task does not respond to inputs of the first', async () => {
  const run = await methodRun('gpm', { threshold: 0.8 });
  const [files] = run.rounds.values();
  const P = await spaceOf(files, LAYER);
  const [first, second] = await changesOf(run, LAYER);
  expect(trace(P)).toBeLessThan(P.rows - 0.9);
  expect(energy(second)).toBeGreaterThan(0);
  const inside = (change: Matrix): number => energy(subtract(change, multiply(change, P))) / energy(change);
  expect(inside(first)).toBeGreaterThan(0.1);
  expect(inside(second)).toBeLessThan(1e-8);
});
