import { type Span, span, SPAN_FIELDS, spanTable } from '../../graph/ops/attention.ts';
import { T5Network, bucketTable, spansAcross } from '../../models/t5-network.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { crossEntropy } from '../../graph/ops/cross-entropy.ts';
import { sumGradients } from '../../graph/ops/elementwise.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { type DataType, sizeOf, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import { methodPreset, planOf } from '../../methods/registry.ts';
import type { Layers } from '../../models/layers.ts';
import { parseT5Config, T5_TRAITS, t5ParameterShapes } from '../../models/t5-config.ts';
import { T5 } from '../../models/t5.ts';
import { T5_TARGETS } from '../../models/targets.ts';
import { relativeError } from '../../testing/compare.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { goldenBatch, goldenReal, type GoldenTensor } from '../../testing/golden.ts';
import { goldenMatrix } from '../../testing/matrices.ts';
import { referencesWith } from '../../testing/reference.ts';
import { writePair } from '../../testing/trained.ts';
import { layerGroups } from '../part/trainable-group.ts';
import { Learner } from '../learner.ts';
import { LearnerCore } from '../learner/core.ts';
import { AdapterGroup } from './adapter-group.ts';

/** The GPU column of the reference data's tolerances: T5 logits, loss, gradients. */
const TOLERANCE = { logits: 2e-4, loss: 2e-5, gradient: 2e-3 };

interface AdapterConfig {
  r: number;
  r_sum: number;
  lora_alpha: number;
  scaling: number;
  trainable: string[];
}

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

const FOLDERS = referencesWith('golden/lora', 'golden/t5-tiny');
describe.each(FOLDERS)('an adapter with a frozen earlier pair, and full-rank weights, from $name', (reference) => {
  const read = (file: string): Map<string, GoldenTensor> => reference.tensors(`golden/${file}.safetensors`);
  const model = read('t5-tiny/model');
  const adapter = read('lora/adapter');
  const batch = read('lora/batch');
  const expected = read('lora/expected');
  const gradients = read('lora/grads');
  const { r, r_sum, lora_alpha, scaling, trainable } = reference.json<AdapterConfig>('golden/lora/adapter_config.json');
  const names = (layer: string, part: string): string => `base_model.model.${layer}.${part}.weight`;
  const part = (name: string): GoldenTensor => {
    const tensor = batch.get(name);
    if (!tensor) throw new Error(`The batch has no ${name}.`);
    return tensor;
  };
  const config = parseT5Config(T5_TRAITS, reference.json('golden/t5-tiny/config.json'));

  /**
   * A layer's pairs, the new one last. The earlier pair, of any rank, is split into pairs of rank r, the last padded
   * with zeros: their sum is the same.
   */
  function pairsOf(layer: string): { A: Matrix; B: Matrix }[] {
    const pair = (which: string) => ({
      A: goldenMatrix(adapter, names(layer, `${which}_A`)),
      B: goldenMatrix(adapter, names(layer, `${which}_B`)),
    });
    const { A, B } = pair('lora');
    expect(A.rows).toBe(r_sum);
    const earlier = Array.from({ length: Math.ceil(r_sum / r) }, (_, part) => {
      const cut = { A: matrix(r, A.columns), B: matrix(B.rows, r) };
      for (let i = 0; i < Math.min(r, r_sum - part * r); i++) {
        const row = A.data.subarray((part * r + i) * A.columns, (part * r + i + 1) * A.columns);
        cut.A.data.set(row, i * A.columns);
        for (let out = 0; out < B.rows; out++) cut.B.data[out * r + i] = B.data[out * r_sum + part * r + i];
      }
      return cut;
    });
    return [...earlier, pair('loranew')];
  }
  const count = Math.ceil(r_sum / r) + 1;

  test('logits, loss and the gradients of all trainable tensors', async () => {
    const shapes = t5ParameterShapes(config);
    const groups = layerGroups(shapes, T5_TARGETS.lora).map(
      (group) => new AdapterGroup(device, group.names, group.out, group.inputs, r, false),
    );
    // As after training: earlier pairs frozen, the new one in training.
    for (const group of groups) {
      for (let i = 0; i < count; i++) {
        for (const layer of group.names) {
          const { A, B } = pairsOf(layer)[i];
          group.A.write(layer, A);
          group.B.write(layer, B);
        }
        if (i < count - 1) await group.freeze();
      }
    }
    for (const { previous } of groups) for (const { A } of previous.values()) expect(A.rows).toBe((count - 1) * r);

    const g = new Graph();
    const owned: OwnedBuffer[] = [];
    const stored = (
      name: string,
      shape: readonly number[],
      dtype: DataType,
      data: ArrayLike<number>,
      isTrained = false,
    ): Tensor => {
      const tensor = storeTensor(device, g.persistent(name, shape, { dtype, trainable: isTrained }), 'inputs');
      const types = { f32: Float32Array, i32: Int32Array, u32: Uint32Array };
      device.write(tensor.storage.buffer, 0, types[dtype].from(data));
      owned.push(tensor.storage.buffer);
      return tensor;
    };
    const parameters = new Map(
      [...shapes].map(([name, shape]) => {
        const isTrained = T5_TARGETS.fullRank.test(name.replace(/\.weight$/, ''));
        return [name, stored(name, shape, 'f32', goldenReal(model, name).data, isTrained)];
      }),
    );
    const parameter = (name: string): Tensor => {
      const tensor = parameters.get(name);
      if (!tensor) throw new Error(`The model has no ${name}.`);
      return tensor;
    };
    const trained = new Map<Tensor, string>(); // by reference name
    for (const [name, tensor] of parameters) if (tensor.trainable) trained.set(tensor, name);
    const layers: Layers = {
      parameter,
      linear: (graph, name, x, addend) => {
        const y = matmul(graph, x, parameter(`${name}.weight`), { layout: 'nt', addend });
        const group = groups.find((one) => one.names.includes(name));
        if (!group) return y;
        const pair = { A: group.A.view(name, true), B: group.B.view(name, true) };
        trained.set(pair.A, names(name, 'loranew_A')).set(pair.B, names(name, 'loranew_B'));
        return group.apply(graph, name, x, y, pair, lora_alpha / r);
      },
    };
    const [B, S] = part('input_ids').shape;
    const [, T] = part('labels').shape;
    const reach = Math.max(S, T);
    const lookup = (bidirectional: boolean): Tensor =>
      stored('buckets', [2 * reach + 1], 'u32', bucketTable(config, bidirectional, reach));
    const t5 = new T5(
      config,
      { source: layers, answer: layers },
      { encoderBuckets: lookup(true), decoderBuckets: lookup(false) },
    );
    const { data: mask } = part('attention_mask');
    const counts = Array.from({ length: B }, (_, b) => mask.slice(b * S, (b + 1) * S).filter((on) => on === 1).length);
    const spansOf = (name: string, spans: readonly Span[]): Tensor =>
      stored(name, [spans.length, SPAN_FIELDS], 'u32', spanTable(spans));
    const rows = counts.map((count, b) => span(b * S, count));
    const padding = counts.map((count, b) => span(b * S + count, S - count));
    const answers = counts.map((_, b) => span(b * T, T));
    const sources = spansOf('source spans', [...rows, ...padding]);
    const memory = t5.encode(g, stored('source', [B, S], 'u32', part('input_ids').data), sources);
    const decoderIds = stored('decoder ids', [B, T], 'u32', part('decoder_input_ids').data);
    const across = spansAcross([...rows, ...padding], answers, (answer) => rows[answers.indexOf(answer)]);
    const spans = { spans: spansOf('target spans', answers), cross: spansOf('cross spans', across) };
    const last = t5.decode(g, decoderIds, spans, (i) => t5.crossKeyValue(g, i, memory));
    const { head, alpha } = t5.projection(last);
    const logits = matmul(g, last, head, { layout: 'nt', alpha });
    const labels = part('labels').data;
    const tokens = Array.from(labels).filter((label) => label >= 0).length;
    const weights = stored('weights', [B * T], 'f32', new Float32Array(B * T).fill(1 / tokens));
    const loss = crossEntropy(g, t5.projection(last), stored('labels', [B, T], 'i32', labels), weights);
    const found = g.backward(loss, stored('one', [1], 'f32', [1]), sumGradients(g));

    const compiled = await compile(device, 'lora', g, [logits, loss, ...found.values()]);
    await device.run([compiled.program]);
    const valuesOf = async (tensor: Tensor): Promise<Float32Array> =>
      new Float32Array(await device.read(compiled.rangeOf(tensor)), 0, sizeOf(tensor.shape));
    const errorOf = async (tensor: Tensor, wanted: Float32Array): Promise<number> =>
      relativeError(await valuesOf(tensor), wanted);
    expect(scaling).toBe(lora_alpha / r);
    expect(await errorOf(logits, goldenReal(expected, 'logits').data)).toBeLessThan(TOLERANCE.logits);
    expect(await errorOf(loss, goldenReal(expected, 'loss').data)).toBeLessThan(TOLERANCE.loss);
    for (const [tensor, gradient] of found) {
      const name = trained.get(tensor) ?? tensor.name;
      expect(await errorOf(gradient, goldenReal(gradients, name).data), name).toBeLessThan(TOLERANCE.gradient);
    }
    expect([...found.keys()].map((tensor) => trained.get(tensor)).sort()).toEqual(trainable.slice().sort());
    expect([...gradients.keys()].sort()).toEqual(trainable.slice().sort());

    compiled.destroy();
    for (const buffer of owned) buffer.destroy();
    for (const group of groups) group.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });

  test('the learner in its last task reports the same loss and gradient norm', async () => {
    const batch = goldenBatch(part('input_ids'), part('attention_mask'), part('labels'));
    const network = new T5Network(
      device,
      config,
      Math.max(...batch.flatMap(({ source, label }) => [source.length, label.length])),
    );
    const method = {
      ...methodPreset('gorp'),
      clipNorm: 'exact' as const,
      loraRank: r,
      loraAlpha: lora_alpha,
      loraDropout: 0,
      galoreRank: r,
    };
    const core = await LearnerCore.load(
      device,
      network,
      planOf(method),
      T5_TARGETS,
      { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 },
      (name) => Promise.resolve(goldenReal(model, name).data),
    );
    const learner = new Learner(core);
    for (let i = 0; i < count; i++) {
      await learner.beginTask();
      const adapted = core.groups.filter(({ part }) => part === 'lora').flatMap(({ layers }) => layers.names);
      for (const layer of adapted) writePair(core, layer, pairsOf(layer)[i]);
    }
    await learner.step([batch]);
    const [record] = await learner.takeRecords();
    expect(Math.abs(record.loss / goldenReal(expected, 'loss').data[0] - 1)).toBeLessThan(TOLERANCE.loss);
    const norm = Math.hypot(...trainable.map((name) => Math.hypot(...goldenReal(gradients, name).data)));
    expect(Math.abs(record.gradientNorm / norm - 1)).toBeLessThan(TOLERANCE.gradient);
    learner.destroy();
    network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});
