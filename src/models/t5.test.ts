import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TokenPair } from '../base/batch.ts';
import type { Device } from '../device/device.ts';
import { Graph, type Numbers } from '../graph/graph.ts';
import { sumGradients } from '../graph/ops/elementwise.ts';
import type { DataType, Tensor } from '../graph/tensor.ts';
import { relativeError } from '../testing/compare.ts';
import { ENCODER_DECODERS, familiesIn, readT5Config } from '../testing/families.ts';
import { referenceGradients } from '../testing/gradients.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import type { GoldenTensor } from '../testing/golden.ts';
import { noise } from '../testing/graphs.ts';
import { runOnCpu, runOnDevice } from '../graph/on-device.ts';
import { type ReferenceFolder, referencesWith } from '../testing/reference.ts';
import { bucketTable, layOutT5Batch, spansAcross, t5Sizes } from './t5-network.ts';
import { type KeyValue, plainLayers } from './layers.ts';
import { relativePositionBucket, type T5Config } from './t5-config.ts';
import { crossEntropy } from '../graph/ops/cross-entropy.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { type Span, span, SPAN_FIELDS, spanTable } from '../graph/ops/attention.ts';
import { T5 } from './t5.ts';

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

/** The tokens of a batch, and which of them see each other; labels and loss weights of what the decoder reads. */
interface Layout {
  readonly ids: ArrayLike<number>;
  readonly sources: readonly Span[];
  readonly answerIds: ArrayLike<number>;
  readonly answers: readonly Span[];
  readonly cross: readonly Span[];
  readonly labels: ArrayLike<number>;
}

/** A model with its loss and all gradients as a graph, and what its hidden states are on the way. */
class TrainedText {
  readonly graph = new Graph();
  readonly values = new Map<Tensor, Numbers>();
  readonly hidden: Record<'encoder' | 'decoder', Tensor[]> = { encoder: [], decoder: [] };
  readonly logits: Tensor;
  readonly loss: Tensor;
  readonly gradients: Map<Tensor, Tensor>;

  constructor(config: T5Config, model: ReadonlyMap<string, GoldenTensor>, layout: Layout) {
    const { graph: g, hidden } = this;
    const parameters = new Map(
      [...model].map(([name, t]) => [name, this.#add(name, t.shape, 'f32', t.data, !POSITIONS.test(name))]),
    );
    const layers = plainLayers((name) => {
      const tensor = parameters.get(name);
      if (tensor === undefined) throw new Error(`no parameter ${name}`);
      return tensor;
    });
    const { length: N } = layout.ids;
    const { length: L } = layout.labels;
    const reach = Math.max(N, L);
    const lookup = (bidirectional: boolean): Tensor =>
      this.#add('buckets', [2 * reach + 1], 'u32', bucketTable(config, bidirectional, reach));
    const buckets = { encoderBuckets: lookup(true), decoderBuckets: lookup(false) };
    const t5 = new T5(config, { source: layers, answer: layers }, buckets);
    const spans = (name: string, of: readonly Span[]): Tensor =>
      this.#add(name, [of.length, SPAN_FIELDS], 'u32', spanTable(of));
    const ids = this.#add('ids', [1, N], 'u32', layout.ids);
    const memory = t5.encode(g, ids, spans('source spans', layout.sources), hidden.encoder);
    const seen = { spans: spans('answer spans', layout.answers), cross: spans('cross spans', layout.cross) };
    const answerIds = this.#add('answer ids', [1, L], 'u32', layout.answerIds);
    const keys = (i: number): KeyValue => t5.crossKeyValue(g, i, memory);
    const last = t5.decode(g, answerIds, seen, keys, { hidden: hidden.decoder });
    const { head, alpha } = t5.projection(last);
    this.logits = matmul(g, last, head, { layout: 'nt', alpha });
    const tokens = Array.from(layout.labels).filter((label) => label >= 0).length;
    const weights = this.#add('weights', [L], 'f32', new Float32Array(L).fill(1 / tokens));
    this.loss = crossEntropy(g, t5.projection(last), this.#add('labels', [1, L], 'i32', layout.labels), weights);
    this.gradients = g.backward(this.loss, this.#add('one', [1], 'f32', [1]), sumGradients(g));
  }

  #add(name: string, shape: readonly number[], dtype: DataType, data: ArrayLike<number>, trainable = false): Tensor {
    const tensor = this.graph.persistent(name, shape, { dtype, trainable });
    const types = { f32: Float64Array, i32: Int32Array, u32: Uint32Array };
    this.values.set(tensor, types[dtype].from(data));
    return tensor;
  }

  get outputs(): Map<string, Tensor> {
    return new Map([
      ['logits', this.logits],
      ...(['encoder', 'decoder'] as const).flatMap((stack) =>
        this.hidden[stack].map((t, i): [string, Tensor] => [`${stack}_hidden.${i}`, t]),
      ),
    ]);
  }

  /** In f64, perhaps with other values. */
  onCpu(values = this.values): (tensor: Tensor) => ArrayLike<number> {
    return runOnCpu(this.graph, new Map([...values].map(([tensor, data]) => [tensor, data.slice()])));
  }

  async onDevice(): Promise<(tensor: Tensor) => ArrayLike<number>> {
    const roots = [...this.outputs.values(), this.loss, ...this.gradients.values()];
    const actual = await runOnDevice(device, this.graph, this.values, roots);
    return (tensor) => actual.get(tensor) ?? [];
  }
}

/** Rows of sources of S tokens and of answers of T, as padded batches have them. @param counts tokens of the sources. */
function paddedSpans(counts: readonly number[], S: number, T: number): Pick<Layout, 'sources' | 'answers' | 'cross'> {
  const rows = counts.map((count, b) => span(b * S, count));
  const padding = counts.map((count, b) => span(b * S + count, S - count));
  const answers = counts.map((_, b) => span(b * T, T));
  return {
    // In Hugging Face padding sees the tokens of its row, and nobody sees padding.
    sources: rows.flatMap((row, b) => [
      row,
      { ...padding[b], keyCount: 0, after: row },
      { ...padding[b], queryCount: 0 },
    ]),
    answers,
    cross: [
      ...spansAcross(rows, answers, (answer) => rows[answers.indexOf(answer)]),
      ...padding.map((one) => ({ ...one, queryCount: 0 })),
    ],
  };
}

/** A batch as models that pad read it. */
function padded(rows: readonly TokenPair[], { padId, startId }: T5Config): Layout {
  const [S, T] = (['source', 'label'] as const).map((of) => Math.max(...rows.map((row) => row[of].length)));
  const fill = (of: (row: TokenPair) => readonly number[], width: number, by: number): number[] =>
    rows.flatMap((row) => Array.from({ length: width }, (_, i) => of(row)[i] ?? by));
  return {
    ids: fill(({ source }) => source, S, padId),
    answerIds: fill(({ label }) => [startId, ...label.slice(0, -1)], T, padId),
    labels: fill(({ label }) => label, T, -100),
    ...paddedSpans(
      rows.map(({ source }) => source.length),
      S,
      T,
    ),
  };
}

/** The same as lists without padding, but for tokens that are left over. */
function listed(rows: readonly TokenPair[], config: T5Config): Layout {
  const { source, answer, cross, labels } = layOutT5Batch(rows, t5Sizes(rows, true), { ...config, shares: true });
  return { ids: source.ids, sources: source.spans, answerIds: answer.ids, answers: answer.spans, cross, labels };
}

const ids = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => 3 + ((7 * i + 5 * seed + ((i * seed) % 3)) % 12));
/** Sources of one token and of several answers, labels of one token, and numbers of tokens that are rounded up. */
const BATCHES: [string, TokenPair[]][] = [
  [
    'rows of many lengths',
    [
      { source: ids(11, 1), label: ids(3, 2) },
      { source: ids(1, 3), label: ids(1, 4) },
      { source: ids(7, 5), label: ids(2, 6) },
      { source: ids(11, 1), label: ids(4, 7) },
      { source: ids(8, 8), label: ids(1, 9) },
    ],
  ],
  ['one row', [{ source: ids(5, 1), label: ids(3, 2) }]],
  ['rows of one token', [1, 2, 1].map((seed) => ({ source: ids(1, seed), label: ids(1, seed + 3) }))],
];

describe.each(familiesIn(ENCODER_DECODERS))('$family of $reference.name', ({ family, reference }) => {
  const config = readT5Config(reference.json(`golden/${family}/config.json`));
  const golden = (file: string) => reference.tensors(`golden/${family}/${file}.safetensors`);
  const model = golden('model');
  const batch = golden('batch');
  const part = (name: string): { shape: readonly number[]; data: number[] } => {
    const t = batch.get(name);
    if (t === undefined) throw new Error(`no ${name} in the batch`);
    return { shape: t.shape, data: Array.from(t.data) };
  };
  const [inputs, mask, labels] = ['input_ids', 'attention_mask', 'labels'].map(part);
  const [[B, S], [, T]] = [inputs.shape, labels.shape];
  const counts = Array.from(
    { length: B },
    (_, b) => mask.data.slice(b * S, (b + 1) * S).filter((on) => on === 1).length,
  );
  const text = new TrainedText(config, model, {
    ids: inputs.data,
    answerIds: part('decoder_input_ids').data,
    labels: labels.data,
    ...paddedSpans(counts, S, T),
  });
  const expected = golden('expected');

  function checkAll(
    actual: (tensor: Tensor) => ArrayLike<number>,
    tolerance: { value: number; loss: number; gradient: number },
  ) {
    const { outputs, loss, gradients } = text;
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
    checkAll(text.onCpu(), { value: 2e-5, loss: 2e-6, gradient: 3e-4 });
  });

  test('the GPU gives the logits, hidden states, loss and every gradient', async () => {
    checkAll(await text.onDevice(), { value: 2e-4, loss: 2e-5, gradient: 2e-3 });
  });

  test.each(BATCHES)('a list of tokens gives the loss and gradients of padded rows: %s', async (_, rows) => {
    const [list, pad] = [listed, padded].map((layOut) => new TrainedText(config, model, layOut(rows, config)));
    const [ofList, ofPad] = [await list.onDevice(), await pad.onDevice()];
    expect(relativeError(ofList(list.loss), ofPad(pad.loss))).toBeLessThan(1e-5);
    const gradients = new Map([...pad.gradients].map(([{ name }, gradient]) => [name, ofPad(gradient)]));
    expect(list.gradients.size).toBe(gradients.size);
    for (const [{ name }, gradient] of list.gradients) {
      expect(relativeError(ofList(gradient), gradients.get(name) ?? []), `d ${name}`).toBeLessThan(1e-5);
    }
  });

  test('the gradients through a whole list are the finite differences of its loss', () => {
    const list = new TrainedText(config, model, listed(BATCHES[0][1], config));
    const gradient = list.onCpu();
    const step = 1e-6;
    // Of each parameter the largest share of a slope that it had: each must count in some direction.
    const shares = new Map<string, number>();
    for (const seed of [1, 2]) {
      // Along a random direction in all parameters at once, as long in each as the parameter is.
      const directions = [...list.gradients].map(([parameter, of], i) => {
        const at = list.values.get(parameter) ?? [];
        const along = noise(at.length, 100 * seed + i);
        const scale = Math.hypot(...at) / Math.hypot(...along);
        return { parameter, at, along: along.map((x) => x * scale), slopes: gradient(of) };
      });
      const lossAt = (signed: number): number => {
        const moved = directions.map(({ parameter, at, along }): [Tensor, Float64Array] => [
          parameter,
          along.map((x, i) => at[i] + signed * x),
        ]);
        return list.onCpu(new Map([...list.values, ...moved]))(list.loss)[0];
      };
      const parts = directions.map(({ along, slopes }) => along.reduce((sum, x, i) => sum + x * slopes[i], 0));
      const sizes = parts.reduce((sum, part) => sum + Math.abs(part), 0);
      const difference = (lossAt(step) - lossAt(-step)) / (2 * step);
      for (const [i, { parameter }] of directions.entries())
        shares.set(parameter.name, Math.max(shares.get(parameter.name) ?? 0, Math.abs(parts[i]) / sizes));
      expect(Math.abs(parts.reduce((a, b) => a + b, 0) - difference)).toBeLessThan(1e-7 * sizes);
    }
    expect(Math.min(...shares.values())).toBeGreaterThan(1e-5);
  });
});
