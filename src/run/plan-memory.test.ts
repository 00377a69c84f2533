import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GorpError } from '../base/errors.ts';
import { Learner } from '../gorp/learner.ts';
import { T5_TARGETS } from '../gorp/method-groups.ts';
import type { MethodName } from '../gorp/method-settings.ts';
import type { Gpu } from '../gpu/device.ts';
import { parseT5Config } from '../models/t5-config.ts';
import { T5Network } from '../models/t5-network.ts';
import { acquireTestGpu } from '../testing/gpu.ts';
import { tinyModel, tinySettings } from '../testing/tiny-run.ts';
import { FROZEN_WEIGHTS, frozenPacking } from './frozen-weights.ts';
import { bytesByPart, checkBudget, planMemory } from './plan-memory.ts';
import { embeddedMethod } from './presets.ts';
import type { TrainingSettings } from './settings.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await acquireTestGpu();
});
afterAll(() => gpu.destroy());

const LIMITS = { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 };

describe('a plan is what training takes', () => {
  test.each<[MethodName, Partial<TrainingSettings>]>([
    ['gorp', {}],
    ['gorp-plus', { activations: 'recompute', frozenWeights: '8-bit' }],
    ['seq-ft', { batchSize: 5, frozenWeights: '4-bit' }],
    ['seq-lora', { gradientAccumulation: 2, sourceLength: 40, frozenWeights: 'stored' }],
  ])('%s with %o', async (name, more) => {
    const { method, training } = tinySettings(name, more);
    const model = tinyModel({ num_layers: 2 });
    const { batchSize: B, sourceLength: S, targetLength: T, gradientAccumulation, activations } = training;
    const network = new T5Network(gpu, parseT5Config(model.config), Math.max(S, T + 1));
    const storedAs = (): string => 'BF16';
    const learner = await Learner.create(
      gpu,
      network,
      method,
      T5_TARGETS,
      {
        seed: 1,
        maxGradNorm: 1,
        gradientAccumulation,
        recompute: activations === 'recompute',
        packing: (n) => frozenPacking(training.frozenWeights, n, network.shapes.get(n) ?? [], storedAs()),
      },
      (n) => model.readTensor(n),
    );
    await learner.beginTask();
    const batch = { sizes: { B, S, T }, rows: Array.from({ length: B }, () => ({ source: [3, 4, 1], label: [5, 1] })) };
    await learner.step(new Array(gradientAccumulation).fill(batch));
    const measured = bytesByPart(gpu, network.shapes);
    const live = gpu.buffers.liveBytes;
    await learner.takeRecords();
    learner.destroy();
    network.destroy();

    const plan = await planMemory({ config: model.config, method, training, storedAs, limits: LIMITS });
    const { staging, total, spaceAfterTask, ...parts } = plan;
    expect(parts).toEqual(measured);
    expect(total - staging).toBe(live);
    expect(spaceAfterTask > 0).toBe(method.sharedSpace);
    for (const bytes of [parts.weights, parts.trained, parts.optimizer, parts.arena]) expect(bytes).toBeGreaterThan(0);
  });
});

/** As wide as t5-small, but two layers of six. */
const WIDE = {
  model_type: 't5',
  vocab_size: 32128,
  d_model: 512,
  d_kv: 64,
  d_ff: 2048,
  num_layers: 2,
  num_heads: 8,
};
const question = (more: Partial<TrainingSettings> = {}) => ({
  config: WIDE,
  method: embeddedMethod('gorp'),
  training: { ...tinySettings('gorp').training, batchSize: 8, sourceLength: 512, targetLength: 50, ...more },
  limits: LIMITS,
});

test('each setting that is said to save memory does', async () => {
  const weights: number[] = [];
  for (const frozenWeights of FROZEN_WEIGHTS) {
    weights.push((await planMemory({ ...question({ frozenWeights }), storedAs: () => 'F16' })).weights);
  }
  const [f32, f16, int8, int4] = weights;
  expect(f16 / f32).toBeCloseTo(1 / 2, 2);
  expect(int8 / f32).toBeCloseTo(9 / 32, 2);
  expect(int4).toBeLessThan(int8 * 0.95); // the vocabulary stays at 8 bits, and is half of this model
  const kept = await planMemory(question());
  const again = await planMemory(question({ activations: 'recompute' }));
  expect(again.arena).toBeLessThan(kept.arena * 0.9);
  expect((await planMemory(question({ batchSize: 4 }))).arena).toBeLessThan(kept.arena * 0.6);
});

test('no buffer exceeds what the device allows in one; where one would have to, the plan fails', async () => {
  const small = { maxBufferSize: 2 ** 25, maxStorageBufferBindingSize: 2 ** 25 };
  const plan = await planMemory({ ...question({ activations: 'recompute', sourceLength: 128 }), limits: small });
  const whole = await planMemory(question({ activations: 'recompute', sourceLength: 128 }));
  expect(plan.weights / whole.weights).toBeCloseTo(1, 4);
  await expect(
    planMemory({ ...question(), limits: { ...small, maxBufferSize: 2 ** 22, maxStorageBufferBindingSize: 2 ** 22 } }),
  ).rejects.toMatchObject({ code: 'gpu/buffer-too-large' });
});

test('a plan beyond the budget is refused with what would help', async () => {
  const { training } = question();
  const plan = await planMemory(question());
  expect(() => checkBudget(plan, plan.total, training)).not.toThrow();
  let refusal: unknown;
  try {
    checkBudget(plan, plan.total - 1, training);
  } catch (thrown) {
    refusal = thrown;
  }
  expect(refusal).toMatchObject({ code: 'run/too-little-memory' });
  expect((refusal as GorpError).nextStep).toMatch(/again.*8 or 4 bits.*smaller batch/);
});
