import { expect, test } from 'vitest';
import { partOf, thresholdOf } from '../gorp/part/method-plan.ts';
import { energy, type Matrix, matrix, multiply, multiplyTranspose, subtract } from '../linear-algebra/matrix.ts';
import { trace } from '../testing/matrices.ts';
import { methodRun } from '../testing/method-runs.ts';
import { type DoneRun, spaceOf, tensorOf } from '../testing/saved-run.ts';
import { methodPreset, planOf } from './registry.ts';

const LAYER = 'encoder.block.0.layer.0.SelfAttention.q';
/** The first layer that reads the same input. */
const READER = 'encoder.block.0.layer.0.SelfAttention.v';
const RANK = 4;

async function after({ rounds }: DoneRun): Promise<{ A: Matrix; B: Matrix; P: Matrix }[]> {
  return Promise.all(
    [...rounds.values()].map(async (files) => {
      const [A, B] = [`${LAYER}.lora_A.weight`, `${LAYER}.lora_B.weight`];
      return { A: await tensorOf(files, A), B: await tensorOf(files, B), P: await spaceOf(files, READER) };
    }),
  );
}

test('trains only B, on a fixed A designed to lie outside the inputs of earlier tasks', async () => {
  const run = await methodRun('inf-lora', { threshold: 0.3 });
  const base = await methodRun('inc-lora');
  expect(run.results.model.trainable).toBe(base.results.model.trainable / 2); // layers are square
  const [first, second] = await after(run);
  // After training the rows are still orthogonal, of length 1/√3.
  const gram = multiplyTranspose(first.A, first.A).data;
  gram.forEach((value, at) => expect(value).toBeCloseTo(at % (RANK + 1) === 0 ? 1 / 3 : 0, 5));
  const { columns } = first.A;
  const fresh = matrix(RANK, columns, second.A.data.slice(RANK * columns));
  expect(second.A.data.slice(0, RANK * columns)).toEqual(first.A.data);
  expect(trace(first.P)).toBeLessThan(columns - 0.9);
  expect(energy(fresh)).toBeGreaterThan(0.1);
  expect(energy(subtract(multiply(fresh, first.P), fresh)) / energy(fresh)).toBeLessThan(1e-8);
  expect(energy(second.B)).toBeGreaterThan(energy(first.B));
});

test('the threshold rises in equal steps that depend on the number of tasks', () => {
  const space = partOf(planOf(methodPreset('inf-lora')), 'input-space');
  if (space?.form !== 'hard') throw new Error('inf-lora has no hard space');
  const thresholds = [1, 2, 3, 4, 5].map((task) => thresholdOf(space, task, 5));
  thresholds.forEach((value, i) => expect(value).toBeCloseTo(0.95 + 0.01 * i, 12));
});
