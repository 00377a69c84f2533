import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../device/device.ts';
import { Graph, type Numbers } from '../graph/graph.ts';
import { sumGradients } from '../graph/ops/elementwise.ts';
import type { DataType, Tensor } from '../graph/tensor.ts';
import { runOnCpu } from '../graph/reference.ts';
import { relativeError } from '../testing/compare.ts';
import { ENCODER_DECODERS, familiesIn, readT5Config } from '../testing/families.ts';
import { referenceGradients } from '../testing/gradients.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { runOnDevice } from '../graph/on-device.ts';
import { type ReferenceFolder, referencesWith } from '../testing/reference.ts';
import { bucketTable } from './t5-network.ts';
import { plainLayers } from './layers.ts';
import { relativePositionBucket } from './t5-config.ts';
import { crossEntropy } from '../graph/ops/cross-entropy.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { type Span, span, SPAN_FIELDS, spanTable } from '../graph/ops/attention.ts';
import { T5 } from './t5.ts';
import { spansAcross } from './t5-batch.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

/** No method trains the position biases, so they have no gradient. */
const POSITIONS = /relative_attention_bias/;

const BUCKETS = 'golden/t5_relative_buckets.json';

test.each(referencesWith(BUCKETS))('relative position buckets match those of $name', (reference) => {
  const { bidirectional, unidirectional } = readBuckets(reference);
  for (const [i, distance] of bidirectional.distances.entries()) {
    expect(relativePositionBucket(distance, true, 32, 128)).toBe(bidirectional.buckets[i]);
    expect(relativePositionBucket(distance, false, 32, 128)).toBe(unidirectional.buckets[i]);
  }
});

function readBuckets(
  reference: ReferenceFolder,
): Record<'bidirectional' | 'unidirectional', { distances: number[]; buckets: number[] }> {
  const data = reference.json<Record<string, number[]>>(BUCKETS);
  const reach = (data['bidirectional'].length - 1) / 2;
  const distances = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  return {
    bidirectional: { distances, buckets: data['bidirectional'] },
    unidirectional: { distances, buckets: data['unidirectional'] },
  };
}

describe.each(familiesIn(ENCODER_DECODERS))('$family of $reference.name', ({ family, reference }) => {
  const config = readT5Config(reference.json(`golden/${family}/config.json`));
  const golden = (file: string) => reference.tensors(`golden/${family}/${file}.safetensors`);
  const model = golden('model');
  const batch = golden('batch');
  const [B, S] = batch.get('input_ids')?.shape ?? [];
  const [, T] = batch.get('labels')?.shape ?? [];

  const g = new Graph();
  const values = new Map<Tensor, Numbers>();
  const add = (
    name: string,
    shape: readonly number[],
    dtype: DataType,
    data: ArrayLike<number>,
    trainable = false,
  ): Tensor => {
    const tensor = g.persistent(name, shape, { dtype, trainable });
    const types = { f32: Float64Array, i32: Int32Array, u32: Uint32Array };
    values.set(tensor, types[dtype].from(data));
    return tensor;
  };
  const parameters = new Map(
    [...model].map(([name, t]) => [name, add(name, t.shape, 'f32', t.data, !POSITIONS.test(name))]),
  );
  const input = (name: string, dtype: DataType): Tensor => {
    const t = batch.get(name);
    if (t === undefined) throw new Error(`no ${name} in the batch`);
    return add(name, t.shape, dtype, t.data);
  };
  const reach = Math.max(S, T);
  const lookup = (bidirectional: boolean): Tensor =>
    add('buckets', [2 * reach + 1], 'u32', bucketTable(config, bidirectional, reach));
  const layers = plainLayers((name) => {
    const tensor = parameters.get(name);
    if (tensor === undefined) throw new Error(`no parameter ${name}`);
    return tensor;
  });
  const t5 = new T5(
    config,
    { source: layers, answer: layers },
    { encoderBuckets: lookup(true), decoderBuckets: lookup(false) },
  );
  const mask = Array.from(batch.get('attention_mask')?.data ?? []);
  const counts = Array.from({ length: B }, (_, b) => mask.slice(b * S, (b + 1) * S).filter((on) => on === 1).length);
  const rowsOf = (length: number): Span[] => Array.from({ length: B }, (_, b) => span(b * length, length));
  const rows = counts.map((count, b) => span(b * S, count));
  // In Hugging Face padding sees the tokens of its row, and nobody sees padding.
  const sources = counts.flatMap((count, b) => {
    const padding = span(b * S + count, S - count);
    return [rows[b], { ...padding, keyCount: 0, after: rows[b] }, { ...padding, queryCount: 0 }];
  });
  const answers = rowsOf(T);
  const spansOf = (name: string, spans: readonly Span[]): Tensor =>
    add(name, [spans.length, SPAN_FIELDS], 'u32', spanTable(spans));
  const labels = input('labels', 'i32');
  const tokens = Array.from(batch.get('labels')?.data ?? []).filter((label) => label >= 0).length;
  const encoderHidden: Tensor[] = [];
  const decoderHidden: Tensor[] = [];
  const memory = t5.encode(g, input('input_ids', 'u32'), spansOf('source spans', sources), encoderHidden);
  const last = t5.decode(
    g,
    input('decoder_input_ids', 'u32'),
    {
      spans: spansOf('target spans', answers),
      cross: spansOf('cross spans', [
        ...spansAcross(rows, answers, (answer) => rows[answers.indexOf(answer)]),
        ...counts.map((count, b) => ({ ...span(b * S + count, S - count), queryCount: 0 })),
      ]),
    },
    (i) => t5.crossKeyValue(g, i, memory),
    { hidden: decoderHidden },
  );
  const { head, alpha } = t5.projection(last);
  const logits = matmul(g, last, head, { layout: 'nt', alpha });
  const weights = add('weights', [B * T], 'f32', new Float32Array(B * T).fill(1 / tokens));
  const loss = crossEntropy(g, t5.projection(last), labels, weights);
  const gradients = g.backward(loss, add('one', [1], 'f32', [1]), sumGradients(g));

  const expected = golden('expected');
  const outputs = new Map<string, Tensor>([
    ['logits', logits],
    ...encoderHidden.map((t, i): [string, Tensor] => [`encoder_hidden.${i}`, t]),
    ...decoderHidden.map((t, i): [string, Tensor] => [`decoder_hidden.${i}`, t]),
  ]);

  function checkAll(
    actual: (tensor: Tensor) => ArrayLike<number>,
    tolerance: { value: number; loss: number; gradient: number },
  ) {
    for (const [name, tensor] of outputs) {
      expect(relativeError(actual(tensor), expected.get(name)?.data ?? []), name).toBeLessThan(tolerance.value);
    }
    expect(relativeError(actual(loss), expected.get('loss')?.data ?? [])).toBeLessThan(tolerance.loss);
    const errors = referenceGradients(reference, `golden/${family}`);
    expect(gradients.size).toBe([...errors.keys()].filter((name) => !POSITIONS.test(name)).length);
    for (const [tensor, gradient] of gradients) {
      const error = errors.get(tensor.name)?.(actual(gradient));
      expect(error, `d ${tensor.name}`).toBeLessThan(tolerance.gradient);
    }
  }

  test('the reference in f64 gives the logits, hidden states, loss and every gradient', () => {
    expect(S).toBeGreaterThan(0);
    checkAll(runOnCpu(g, values), { value: 2e-5, loss: 2e-6, gradient: 3e-4 });
  });

  test('the GPU gives the logits, hidden states, loss and every gradient', async () => {
    const roots = [...outputs.values(), loss, ...gradients.values()];
    const actual = await runOnDevice(device, g, values, roots);
    checkAll((tensor) => actual.get(tensor) ?? [], { value: 2e-4, loss: 2e-5, gradient: 2e-3 });
  });
});
