import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { FAMILIES } from '../../../src/models/families.ts';
import { GpuPlanner } from '../../../src/device/webgpu/gpu-planner.ts';
import { Tuning } from '../../../src/device/webgpu/tuning.ts';
import { methodPreset } from '../../../src/methods/registry.ts';
import { projectPath } from '../../../tools/setup/process.ts';
import { allCounts, COUNTED_MODELS, countsOf, countsTable, type ModelCounts } from './counts.ts';
import { llama, t5 } from '../../../src/run/models/published-models.ts';
import { recordMethod } from './recorded-method.ts';

let counts: Map<string, ModelCounts>;
beforeAll(async () => {
  counts = await allCounts();
});

test('every family is counted', () => {
  const counted = COUNTED_MODELS.map(({ config }) => config['model_type']);
  expect(counted.sort()).toEqual(FAMILIES.map(({ modelType }) => modelType).sort());
});

/** Cells without the spaces that align them. */
const cells = (table: string): string[][] =>
  table.split('\n').map((line) => line.split('|').map((cell) => cell.trim().replace(/^-+$/, '-')));

test('docs/speed.md has the counts of today: replace them there by those of "npm run bench -- --only counts"', () => {
  const documented = readFileSync(projectPath('docs', 'speed.md'), 'utf8').split('\n');
  const [head, ...rows] = countsTable(counts).split('\n');
  const begin = documented.findIndex((line) => line.startsWith(head.slice(0, head.indexOf(' | '))));
  expect(begin).toBeGreaterThan(0);
  expect(cells(documented.slice(begin, begin + 1 + rows.length).join('\n'))).toEqual(cells([head, ...rows].join('\n')));
});

test('the programs of t5-small with gorp', async () => {
  const planner = new GpuPlanner(new Tuning(false));
  const { step, refresh, end, test, token } = await recordMethod(COUNTED_MODELS[0], planner, methodPreset('gorp'));
  const kernels = (dispatches: typeof step): string[] => dispatches.map(({ kernel }) => kernel.name);
  expect(kernels(step).filter((name) => name.startsWith('optimizer/clip'))).toHaveLength(1);
  expect(kernels(step).some((name) => name.startsWith('optimizer/adam'))).toBe(true);
  expect(kernels(step).filter((name) => name.startsWith('subspace/'))).toEqual([]);
  expect(kernels(refresh).some((name) => name.startsWith('subspace/'))).toBe(true);
  expect(end).toEqual([]); // its spaces come from moments
  expect(kernels(test).some((name) => name.startsWith('attention/forward'))).toBe(true);
  expect(kernels(token)).toContain('generation/next');
});

/** Dispatches of a step of `gorp` without new bases, before pairs of low rank shared kernels. */
test.each([
  ['t5-small', t5(512, 2048, 6, 8), false, 951],
  ['TinyLlama-1.1B', llama(2048, 5632, 22, 32, 4), true, 2266],
] as const)('a step of %s asks for a third fewer kernels than it did', async (name, config, recompute, before) => {
  const shape = { name, config, batch: { B: 8, S: 128, T: 8 }, rows: 8, frozenWeights: 'f32', recompute } as const;
  const { step } = await recordMethod(shape, new GpuPlanner(new Tuning(false)), methodPreset('gorp'));
  expect(step.length).toBeLessThanOrEqual((before * 2) / 3);
});

test('what is counted of two dispatches that share a buffer', () => {
  const buffer = { label: '', bytes: 64, purpose: 'inputs', destroy: () => undefined } as const;
  const other = { ...buffer };
  const kernel = { name: 'any' };
  const range = (of: typeof buffer, bytes: number) => ({ buffer: of, offset: 0, bytes });
  const dispatches = [
    { kernel, params: [], cost: 5, tensors: [range(buffer, 16), range(other, 64)] },
    { kernel, params: [], tensors: [range(buffer, 32)] },
  ];
  expect(countsOf(dispatches)).toEqual({ dispatches: 2, operations: 5, bytes: 112, buffers: 2 });
});
