import { expect, test } from 'vitest';
import { llama, t5 } from '../run/models/published-models.ts';
import { acquireTestWasm } from '../testing/devices.ts';
import type { Bench } from './bench.ts';
import { measureModel } from './model-steps.ts';
import { modelOf, type Subject } from './benchmark-parts.ts';

const BENCH: Bench = {
  clock: { now: () => performance.now(), cpuMs: () => Promise.resolve(null) },
  scope: { rounds: 3, smallProducts: true, chosenKernels: true },
  open: acquireTestWasm,
  readEmbedded: () => Promise.reject(new Error('these models are random')),
};
const TINY = { batch: { B: 2, S: 16, T: 3 }, rows: 2 };

test.each<Subject>([
  {
    shape: { name: 'T5', config: t5(64, 128, 1, 2), frozenWeights: 'f32', recompute: false, ...TINY },
    method: 'GORP fast',
    frozenWeights: 'f32',
    halves: false,
  },
  {
    shape: { name: 'LLaMA', config: llama(64, 96, 2, 4, 2), frozenWeights: '8-bit', recompute: true, ...TINY },
    method: 'LoRA only',
    frozenWeights: '4-bit',
    halves: false,
  },
])('steps, memory and answers of a small $shape.name', async (subject) => {
  const { numbers, text } = await measureModel(BENCH, modelOf(subject));
  const { peakBytes, planned, generation } = numbers as {
    peakBytes: number;
    planned: number;
    generation: { rows: number; tokensPerSecond: number }[];
  };
  expect(generation.map(({ rows }) => rows)).toEqual([1, 8]);
  // What the end of a task takes is not in this plan.
  expect(peakBytes / planned).toBeGreaterThan(0.9);
  expect(peakBytes / planned).toBeLessThan(3);
  expect(text).toContain(`${subject.method}, frozen ${subject.frozenWeights}`);
});
