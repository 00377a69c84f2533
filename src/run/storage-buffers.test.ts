import { afterEach, describe, expect, test, vi } from 'vitest';
import type { countingDevice, DeviceOutline } from '../device/counting-device.ts';
import { METHOD_NAMES, methodPreset } from '../methods/registry.ts';
import { tinyModel } from '../testing/tiny-run.ts';
import { planRun } from './plan-memory.ts';
import { embeddedSettings } from './presets.ts';

/** Storage buffers that WebGPU guarantees to a kernel. */
const GUARANTEED = 8;

const recorded = vi.hoisted(() => ({ bound: new Map<string, number>(), programs: new Set<string>() }));

// Everything that a run records is recorded by a plan of its memory.
vi.mock('../device/counting-device.ts', async (importOriginal) => {
  const original = await importOriginal<{ countingDevice: typeof countingDevice }>();
  return {
    ...original,
    countingDevice: (outline: DeviceOutline) => {
      const device = original.countingDevice(outline);
      const record = device.record.bind(device);
      device.record = (name, plan) => {
        recorded.programs.add(name);
        for (const { kernel, tensors } of plan()) {
          recorded.bound.set(kernel.name, Math.max(tensors.length, recorded.bound.get(kernel.name) ?? 0));
        }
        return record(name, plan);
      };
      return device;
    },
  };
});

afterEach(() => {
  recorded.bound.clear();
  recorded.programs.clear();
});

const work = {
  tasks: 3,
  batch: { B: 2, S: 16, T: 4 },
  tests: [{ B: 4, S: 16, nodes: 10, choices: 12, pool: { B: 4, S: 16 } }],
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
  ['LLaMA', LLAMA, 7], // no bias of positions
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
    const { bound, programs } = recorded;
    expect(programs.size).toBeGreaterThan(4); // gradients, an optimizer, prefill, ranking and decoding
    expect([...bound.keys()]).toEqual(expect.arrayContaining([expect.stringMatching('attention/grad_kv')]));
    expect([...bound].filter(([, buffers]) => buffers > GUARANTEED)).toEqual([]);
    expect(Math.max(...bound.values())).toBe(max);
  });
});
