import { expect, test } from 'vitest';
import { rowsBelow } from '../gorp/part/method-plan.ts';
import { runKeepingRounds, tensorOf } from '../testing/saved-run.ts';
import { expectSame, methodRun } from '../testing/method-runs.ts';
import { tinySettings } from '../testing/tiny-run.ts';

const LAYER = 'encoder.block.0.layer.0.SelfAttention.q';

test('a run of one task equals that of seq-lora bit for bit', async () => {
  expectSame(await methodRun('migu', {}, ['gloss']), await methodRun('seq-lora', {}, ['gloss']));
});

test.each([1, 2])(
  'a step of %i micro-batches in the second task leaves rows with small outputs unchanged',
  async (micro) => {
    const training = { epochs: 1, trainExamples: 2, batchSize: 2 / micro, gradientAccumulation: micro };
    const { rounds } = await runKeepingRounds(tinySettings('migu', training, { loraDropout: 0 }));
    for (const part of ['A', 'B'] as const) {
      const name = `${LAYER}.lora_${part}.weight`;
      const [before, now] = await Promise.all([...rounds.values()].map((files) => tensorOf(files, name)));
      const { rows, columns, data } = now;
      const same = Array.from({ length: rows }, (_, i) =>
        data.subarray(i * columns, (i + 1) * columns).every((value, j) => value === before.data[i * columns + j]),
      );
      expect(same.filter(Boolean), part).toHaveLength(rowsBelow({ share: 0.7 }, rows));
    }
  },
);

test('the number of masked rows follows torch.quantile', () => {
  expect([8, 16, 128, 1].map((rows) => rowsBelow({ share: 0.7 }, rows))).toEqual([5, 11, 89, 0]);
  expect(rowsBelow({ share: 0 }, 8)).toBe(0);
});
