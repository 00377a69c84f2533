import { expect, test } from 'vitest';
import { expectSame, methodRun } from '../testing/method-runs.ts';

test('runs of one task, or of two with α = 0, equal those of inc-lora bit for bit', async () => {
  expectSame(await methodRun('lwf', {}, ['gloss']), await methodRun('inc-lora', {}, ['gloss']));
  expectSame(await methodRun('lwf', { distillation: 0 }), await methodRun('inc-lora'));
});

test('the second task begins with the same loss, and is learned less, the stronger the distillation', async () => {
  const still = { loraDropout: 0 };
  const losses = await Promise.all(
    [0, 1, 100].map(async (distillation) => {
      const { curves } = (await methodRun('lwf', { ...still, distillation })).results;
      return curves.loss.filter((_, i) => curves.round[i] === 2);
    }),
  );
  // Before the first step the new pair is 0, so the model equals its teacher.
  for (const [first] of losses) expect(first).toBe(losses[0][0]);
  const last = losses.map((one) => one[one.length - 1] + one[one.length - 2] + one[one.length - 3]);
  expect(last[1]).not.toBe(last[0]);
  expect(last[2]).toBeGreaterThan(last[0]);
});
