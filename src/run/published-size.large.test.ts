import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mixSeed } from '../base/random.ts';
import { Learner } from '../gorp/learner.ts';
import { methodPreset, planOf } from '../methods/registry.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { compile } from '../graph/compile.ts';
import { Graph, type Numbers } from '../graph/graph.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { sizeOf, type Tensor } from '../graph/tensor.ts';
import { runOnCpu } from '../graph/on-device.ts';
import { relativeError } from '../testing/compare.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { frozenPacking } from './models/frozen-weights.ts';
import { networkOf } from './models/open-network.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

/** Uniform in ±bound, fast enough for tens of millions: a linear congruential generator. */
function uniform(size: number, seed: number, bound: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(size);
  let state = seed >>> 0;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = bound * (state / 2 ** 31 - 1);
  }
  return values;
}

const T5_SMALL = {
  model_type: 't5',
  vocab_size: 32128,
  d_model: 512,
  d_kv: 64,
  d_ff: 2048,
  num_layers: 6,
  num_heads: 8,
};
const LLAMA_40M = {
  model_type: 'llama',
  vocab_size: 32000,
  hidden_size: 512,
  intermediate_size: 1376,
  num_hidden_layers: 8,
  num_attention_heads: 8,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
};

/** Table, norm and weight of the first layer, which is compared with the reference. */
const FIRST = {
  t5: ['shared.weight', 'encoder.block.0.layer.0.layer_norm.weight', 'encoder.block.0.layer.0.SelfAttention.q.weight'],
  llama: [
    'model.embed_tokens.weight',
    'model.layers.0.input_layernorm.weight',
    'model.layers.0.self_attn.q_proj.weight',
  ],
};

describe.each([
  ['t5-small', T5_SMALL, FIRST.t5],
  ['a LLaMA of 41 million parameters', LLAMA_40M, FIRST.llama],
])('%s with random weights', (_, config, first) => {
  test('takes a full step of GORP and generates; its first layer matches the reference', async () => {
    const lengths = { sourceLength: 32, targetLength: 4 };
    const { network, targets } = networkOf(device, config, lengths);
    const { shapes } = network;
    const read = (name: string): Promise<Float32Array> => {
      const shape = shapes.get(name) ?? [];
      if (shape.length === 1) return Promise.resolve(new Float32Array(sizeOf(shape)).fill(1));
      const bound = /shared|embed_tokens/.test(name) ? 1 : 1 / Math.sqrt(shape[1]);
      return Promise.resolve(uniform(sizeOf(shape), mixSeed(1, name), bound));
    };
    const began = performance.now();
    const learner = await Learner.create(
      device,
      network,
      planOf(methodPreset('gorp')),
      targets,
      {
        seed: 1,
        maxGradNorm: 1,
        gradientAccumulation: 1,
        recompute: true,
        packing: (name) => frozenPacking('8-bit', name, shapes.get(name) ?? [], 'F32'),
      },
      read,
    );
    await learner.beginTask();
    const loaded = performance.now();
    const ids = (length: number, seed: number): number[] =>
      Array.from({ length }, (__, i) => 3 + ((7919 * (i + seed)) % 30_000));
    const rows = [1, 2].map((row) => ({ source: ids(32, row), label: ids(4, 50 + row) }));
    await learner.step([rows]);
    const [{ loss, gradientNorm }] = await learner.takeRecords();
    const stepped = performance.now();
    const stepBytes = device.buffers.liveBytes;
    expect(loss).toBeGreaterThan(1);
    expect(Number.isFinite(loss)).toBe(true);
    expect(gradientNorm).toBeGreaterThan(0);
    expect(Number.isFinite(gradientNorm)).toBe(true);
    await learner.endTask({ sample: [] });

    const owned: OwnedBuffer[] = [];
    const generation = network.generation({ B: 2, tokens: 64, capacity: 5 }, owned);
    const [encoding, decoding] = [new Graph(), new Graph()];
    const prefill = await compile(device, 'encode', encoding, generation.prefill(encoding, learner.layers));
    generation.decodeStep(decoding, learner.layers);
    const step = await compile(device, 'decode', decoding, []);
    generation.start(rows.map(({ source }) => source));
    await device.run([prefill.program, ...new Array<typeof step.program>(4).fill(step.program)]);
    const tokens = new Uint32Array(await device.read(step.rangeOf(generation.state.tokens)));
    expect(Array.from(tokens).every((id) => id < config.vocab_size)).toBe(true);
    const generated = performance.now();
    for (const one of [prefill, step]) one.destroy();

    expect(await firstLayerError(learner, first, owned)).toBeLessThan(0.01);
    console.log(
      `${config.model_type}: loaded in ${seconds(began, loaded)}, step ${seconds(loaded, stepped)}, ` +
        `generation ${seconds(stepped, generated)}; ${(stepBytes / 2 ** 20).toFixed(0)} MiB live in the step, ` +
        `${(device.buffers.peakBytes / 2 ** 20).toFixed(0)} MiB at most; loss ${loss.toFixed(3)}`,
    );
    for (const buffer of owned) buffer.destroy();
    learner.destroy();
    network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);

    /** q(norm(embedding)) with 8-bit weights, compared with f64 on the weights as read. */
    async function firstLayerError(from: Learner, names: readonly string[], mine: OwnedBuffer[]): Promise<number> {
      const tokenIds = ids(8, 3);
      const build = (g: Graph, [table, norm, weight]: Tensor[], at: Tensor): Tensor =>
        matmul(g, rmsNorm(g, embedding(g, table, at), norm, 1e-6), weight, { layout: 'nt' });
      const buffer = device.buffers.storage('ids', 32);
      mine.push(buffer);
      device.write(buffer, 0, Uint32Array.from(tokenIds));
      const g = new Graph();
      const storage = { buffer, offset: 0, bytes: buffer.bytes };
      const y = build(
        g,
        names.map((name) => from.layers.parameter(name)),
        g.persistent('ids', [1, 8], { dtype: 'u32', storage }),
      );
      const compiled = await compile(device, 'first layer', g, [y]);
      await device.run([compiled.program]);
      const found = new Float32Array(await device.read(compiled.rangeOf(y)), 0, y.elements);
      compiled.destroy();
      const reference = new Graph();
      const at = reference.persistent('ids', [1, 8], { dtype: 'u32' });
      const values = new Map<Tensor, Numbers>([[at, Uint32Array.from(tokenIds)]]);
      const parts: Tensor[] = [];
      for (const name of names) {
        const tensor = reference.persistent(name, shapes.get(name) ?? []);
        values.set(tensor, Float64Array.from(await read(name)));
        parts.push(tensor);
      }
      const wanted = build(reference, parts, at);
      return relativeError(found, runOnCpu(reference, values)(wanted));
    }
  });
});

const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`;
