import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CountingDevice, countingDevice, DeviceOutline } from '../device/counting-device.ts';
import { METHOD_NAMES, methodPreset } from '../methods/registry.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import type { planRun as plan } from './planning/plan-run.ts';
import { testAhead } from './planning/planned-work.ts';
import { embeddedSettings } from './planning/presets.ts';

/** Storage buffers per kernel that WebGPU guarantees. */
const GUARANTEED = 8;

/** Words of parameters, besides the grid, that fit the 64 bytes of immediates. */
const IMMEDIATE = 12;

const bound = new Map<string, number>();
const long = new Set<string>();
const programs = new Set<string>();

/** Makes a device note every kernel that it records. */
const noting = (device: CountingDevice): CountingDevice => {
  const record = device.record.bind(device);
  return Object.assign(device, {
    record: (name: string, plan: Parameters<typeof record>[1]) => {
      programs.add(name);
      for (const { kernel, tensors, params } of plan()) {
        if (params.length > IMMEDIATE) long.add(kernel.name.split('/')[0]);
        bound.set(kernel.name, Math.max(tensors.length, bound.get(kernel.name) ?? 0));
      }
      return record(name, plan);
    },
  });
};

// A memory plan records everything that a run records. Test files share modules, so those that use the noting device
// are imported for this file alone.
let planRun: typeof plan;
beforeAll(async () => {
  vi.resetModules();
  vi.doMock('../device/counting-device.ts', async (importOriginal) => {
    const original = await importOriginal<{ countingDevice: typeof countingDevice }>();
    return { ...original, countingDevice: (outline: DeviceOutline) => noting(original.countingDevice(outline)) };
  });
  ({ planRun } = await import('./planning/plan-run.ts'));
});
afterAll(() => {
  vi.doUnmock('../device/counting-device.ts');
  vi.resetModules();
});

afterEach(() => {
  bound.clear();
  programs.clear();
});

const work = {
  tasks: 3,
  batch: { B: 2, S: 16, T: 4, shared: 0 },
  shapes: 1,
  answer: 4,
  validation: null,
  generalText: null,
  protects: [],
  freeTests: [],
  tests: [testAhead(4, 16, { nodes: 10, choices: 12 })],
};
const LLAMA = {
  model_type: 'llama',
  vocab_size: 24,
  hidden_size: 32,
  intermediate_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
};
const { training } = embeddedSettings('quick', 'gorp');
const FORMS = [
  { frozenWeights: 'f32', activations: 'keep', gradientAccumulation: 1 },
  { frozenWeights: '8-bit', activations: 'recompute', gradientAccumulation: 2 },
] as const;

describe.each([
  ['T5', tinyModel().config, 8],
  ['LLaMA', LLAMA, 7], // no position bias
])('no kernel of %s binds more storage buffers than every device has', (_, config, max) => {
  test.each(METHOD_NAMES)('by %s', async (name) => {
    for (const form of FORMS) {
      await planRun({
        config,
        method: methodPreset(name),
        training: { ...training, ...form },
        work,
        device: { kind: 'webgpu', limits: { buffer: 2 ** 31, total: null } },
      });
    }
    expect(programs.size).toBeGreaterThan(4); // gradients, an optimizer, prefill, ranking and decoding
    expect([...bound.keys()]).toEqual(expect.arrayContaining([expect.stringMatching('attention/grad_kv')]));
    expect([...bound].filter(([, buffers]) => buffers > GUARANTEED)).toEqual([]);
    expect(Math.max(...bound.values())).toBe(max);
    expect([...long]).toEqual(['matmul']); // others' parameters are immediates where WebGPU has them
  });
});
