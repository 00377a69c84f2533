import { expect, test } from 'vitest';
import { columnSlice, energy, matrix, multiply, transposeMultiply } from '../linear-algebra/matrix.ts';
import { frozenCount } from '../gorp/part/method-plan.ts';
import { svd } from '../linear-algebra/svd.ts';
import { changesOf, expectSame, methodRun } from '../testing/method-runs.ts';
import { tinyModel } from '../testing/tiny-model.ts';

const LAYER = 'decoder.block.0.layer.1.EncDecAttention.v';

test('a run without frozen directions equals that of seq-ft bit for bit', async () => {
  const none = { firstFrozenShare: 0, lastFrozenShare: 0 };
  expectSame(await methodRun('osft', none), await methodRun('seq-ft'));
});

test('no task changes the main directions that the weight has at its start, on either side', async () => {
  const changes = await changesOf(await methodRun('osft', { firstFrozenShare: 0.25, lastFrozenShare: 0.5 }), LAYER);
  let W = matrix(16, 16, await tinyModel().readTensor(`${LAYER}.weight`));
  for (const [task, change] of changes.entries()) {
    const { u, v } = svd(W);
    const count = [4, 8][task];
    expect(energy(change)).toBeGreaterThan(0);
    expect(energy(transposeMultiply(columnSlice(u, 0, count), change)) / energy(change)).toBeLessThan(1e-8);
    expect(energy(multiply(change, columnSlice(v, 0, count))) / energy(change)).toBeLessThan(1e-8);
    expect(energy(transposeMultiply(u, change))).toBeGreaterThan(0);
    W = matrix(
      16,
      16,
      W.data.map((value, i) => value + change.data[i]),
    );
  }
});

test('the share grows in equal steps from the first task to the last', () => {
  const counts = [1, 2, 3, 4, 5].map((task) => frozenCount({ first: 0.3, last: 0.7 }, 100, task, 5));
  expect(counts).toEqual([30, 40, 50, 60, 70]);
  expect(frozenCount({ first: 0.3, last: 0.7 }, 10, 1, 1)).toBe(3);
});
