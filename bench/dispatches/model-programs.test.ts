import { expect, test } from 'vitest';
import { GpuPlanner } from '../../src/device/webgpu/gpu-planner.ts';
import { Tuning } from '../../src/device/webgpu/tuning.ts';
import { MODEL_SHAPES } from '../../src/bench/model-shapes.ts';
import { recordModel } from './model-programs.ts';

test('the programs of t5-small', async () => {
  const { step, refresh, prefill, decode } = await recordModel(MODEL_SHAPES[0], new GpuPlanner(new Tuning(false)));
  const kernels = (dispatches: typeof step): string[] => dispatches.map(({ kernel }) => kernel.name);
  expect(kernels(step).filter((name) => name.startsWith('optimizer/clip'))).toHaveLength(1);
  expect(kernels(step).some((name) => name.startsWith('optimizer/adam'))).toBe(true);
  expect(kernels(step).filter((name) => name.startsWith('subspace/'))).toEqual([]);
  expect(kernels(refresh).some((name) => name.startsWith('subspace/'))).toBe(true);
  expect(kernels(prefill).some((name) => name.startsWith('attention/forward'))).toBe(true);
  expect(kernels(decode)).toContain('generation/next');
});
