import { expect, test } from 'vitest';
import { llama, t5 } from '../../src/cli/published-models.ts';
import { acquirePacedGpu } from '../../src/testing/devices.ts';
import { nodePlace } from '../node-place.ts';
import { measureSubject, type Subject } from './random-models.ts';

// Measures no kernels, which would take minutes on an adapter that computes on the CPU.
const PLACE = { ...nodePlace, acquire: acquirePacedGpu };
const TINY = { batch: { B: 2, S: 16, T: 3 }, rows: 2 };

test.each<Subject>([
  {
    shape: { name: 'T5', config: t5(64, 128, 1, 2), frozenWeights: 'f32', recompute: false, ...TINY },
    ...{ method: 'GORP fast', frozenWeights: 'f32', halves: false },
  },
  {
    shape: { name: 'LLaMA', config: llama(64, 96, 2, 4, 2), frozenWeights: '8-bit', recompute: true, ...TINY },
    ...{ method: 'LoRA only', frozenWeights: '4-bit', halves: false },
  },
])('steps, memory and answers of a small $shape.name', async (subject) => {
  const { numbers, text } = await measureSubject(PLACE, subject);
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
