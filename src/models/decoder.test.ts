import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../device/device.ts';
import { Graph, type Numbers } from '../graph/graph.ts';
import { runOnCpu, runOnDevice } from '../graph/on-device.ts';
import { span, SPAN_FIELDS, spanTable } from '../graph/ops/attention.ts';
import { crossEntropy } from '../graph/ops/cross-entropy.ts';
import { sumGradients } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { DataType, Tensor } from '../graph/tensor.ts';
import { relativeError } from '../testing/compare.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { DECODERS, familiesIn, readDecoderConfig } from '../testing/families.ts';
import type { GoldenTensor } from '../testing/golden.ts';
import { referenceGradients } from '../testing/gradients.ts';
import { trainedModels } from '../testing/reference.ts';
import { Decoder } from './decoder.ts';
import { plainLayers } from './layers.ts';
import { rotaryTable } from './rotary-angles.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

/** A whole text through a model, its loss and every gradient, as a graph with values. */
class TextGraph {
  readonly graph = new Graph();
  readonly values = new Map<Tensor, Numbers>();
  readonly hidden: Tensor[] = [];
  readonly logits: Tensor;
  readonly loss: Tensor;
  readonly gradients: Map<Tensor, Tensor>;

  /** @param text ids, mask, positions [B, S]; labels and loss weights [B · S]: what each position predicts. */
  constructor(
    config: unknown,
    model: ReadonlyMap<string, GoldenTensor>,
    text: {
      shape: number[];
      ids: ArrayLike<number>;
      mask: ArrayLike<number>;
      positions: ArrayLike<number>;
      labels: ArrayLike<number>;
      weights: ArrayLike<number>;
    },
  ) {
    const g = this.graph;
    const parsed = readDecoderConfig(config);
    const [B, S] = text.shape;
    const parameters = new Map([...model].map(([name, t]) => [name, this.#add(name, t.shape, 'f32', t.data, true)]));
    const layers = plainLayers((name) => {
      const tensor = parameters.get(name);
      if (tensor === undefined) throw new Error(`no parameter ${name}`);
      return tensor;
    });
    const decoder = new Decoder(parsed, layers);
    const at = {
      tables: parsed.rotaries.map((rotary, i) =>
        this.#add(`angles ${i}`, [S, rotary.headDim], 'f32', rotaryTable(rotary, S)),
      ),
      positions: this.#add('positions', [B, S], 'i32', text.positions),
      offset: this.#add('offset', [1], 'u32', [0]),
    };
    const ids = this.#add('ids', [B, S], 'u32', text.ids);
    // The tokens of each row, and the padding before and after them.
    const spans = Array.from({ length: B }, (_, b) => {
      const row = Array.from({ length: S }, (_, s) => text.mask[b * S + s]);
      const [begin, end] = [row.indexOf(1), row.lastIndexOf(1) + 1];
      return [span(b * S + begin, end - begin), span(b * S, begin), span(b * S + end, S - end)];
    });
    const table = this.#add('spans', [3 * B, SPAN_FIELDS], 'u32', spanTable(spans.flat()));
    const last = decoder.read(g, ids, table, at, { hidden: this.hidden });
    this.logits = matmul(g, last, decoder.projection(last).head, { layout: 'nt' });
    const labels = this.#add('labels', [B, S], 'i32', text.labels);
    const weights = this.#add('weights', [B * S], 'f32', text.weights);
    this.loss = crossEntropy(g, decoder.projection(last), labels, weights);
    this.gradients = g.backward(this.loss, this.#add('one', [1], 'f32', [1]), sumGradients(g));
  }

  #add(name: string, shape: readonly number[], dtype: DataType, data: ArrayLike<number>, trainable = false): Tensor {
    const tensor = this.graph.persistent(name, shape, { dtype, trainable });
    const types = { f32: Float64Array, i32: Int32Array, u32: Uint32Array };
    this.values.set(tensor, types[dtype].from(data));
    return tensor;
  }

  onCpu(): (tensor: Tensor) => ArrayLike<number> {
    return runOnCpu(this.graph, this.values);
  }

  async onDevice(): Promise<(tensor: Tensor) => ArrayLike<number>> {
    const roots = [...this.hidden, this.logits, this.loss, ...this.gradients.values()];
    const actual = await runOnDevice(device, this.graph, this.values, roots);
    return (tensor) => actual.get(tensor) ?? [];
  }
}

const find = (tensors: ReadonlyMap<string, GoldenTensor>, name: string): GoldenTensor => {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`The reference data has no ${name}.`);
  return tensor;
};

describe.each(familiesIn(DECODERS))('$family of $reference.name', ({ family, reference }) => {
  const golden = (file: string): Map<string, GoldenTensor> => reference.tensors(`golden/${family}/${file}.safetensors`);
  const batch = golden('batch');
  const shape = find(batch, 'input_ids').shape;
  const [, S] = shape;
  const mask = find(batch, 'attention_mask').data;
  const labels = find(batch, 'labels').data;
  const lossMask = find(batch, 'loss_mask').data;
  // The official formula: position s predicts label s + 1; the divisor counts the last position, which predicts
  // nothing.
  const divisor = Array.from(lossMask).reduce((sum, x) => sum + x, 0) + 1e-8;
  const isLast = (i: number): boolean => i % S === S - 1;
  const text = new TextGraph(reference.json(`golden/${family}/config.json`), golden('model'), {
    shape,
    ids: find(batch, 'input_ids').data,
    mask,
    positions: find(batch, 'position_ids_from_mask').data,
    labels: labels.map((_, i) => (isLast(i) ? -100 : labels[i + 1])),
    weights: Float64Array.from(lossMask, (x, i) => (isLast(i) ? 0 : x / divisor)),
  });

  /** Rows of padding are 0 in the reference, and undefined here. */
  function atTokens(tensor: Tensor, values: ArrayLike<number>): number[] {
    const columns = tensor.shape.at(-1) ?? 1;
    return Array.from(values, (x, i) => (mask[Math.floor(i / columns)] === 1 ? x : 0));
  }

  function check(
    actual: (tensor: Tensor) => ArrayLike<number>,
    tolerance: Record<'value' | 'loss' | 'gradient', number>,
  ) {
    const expected = golden('expected');
    const outputs = new Map([
      ['logits', text.logits],
      ...text.hidden.map((tensor, i): [string, Tensor] => [`hidden.${i}`, tensor]),
    ]);
    expect([...outputs.keys(), 'loss'].sort()).toEqual([...expected.keys()].sort());
    for (const [name, tensor] of outputs) {
      const error = relativeError(atTokens(tensor, actual(tensor)), find(expected, name).data);
      expect(error, name).toBeLessThan(tolerance.value);
    }
    expect(relativeError(actual(text.loss), find(expected, 'loss').data)).toBeLessThan(tolerance.loss);
    const errors = referenceGradients(reference, `golden/${family}`);
    expect([...text.gradients.keys()].map(({ name }) => name).sort()).toEqual([...errors.keys()].sort());
    for (const [tensor, gradient] of text.gradients) {
      const error = errors.get(tensor.name)?.(actual(gradient));
      expect(error, `d ${tensor.name}`).toBeLessThan(tolerance.gradient);
    }
  }

  // The columns F32 and GPU of reference/README.md.
  test('the reference in f64 gives the logits, hidden states, loss and every gradient', () => {
    check(text.onCpu(), { value: 1e-5, loss: 2e-6, gradient: 5e-5 });
  });

  test('the GPU gives the logits, hidden states, loss and every gradient', async () => {
    check(await text.onDevice(), { value: 1e-4, loss: 2e-5, gradient: 1e-3 });
  });
});

describe.each(trainedModels)('$name', ({ reference, folder }) => {
  interface Score {
    text: string;
    ids: number[];
    mean_nll: number;
    grad_frobenius: Record<string, number>;
  }
  const { scores } = reference.json<{ scores: Score[] }>(`${folder}/golden.json`);
  const model = reference.tensors(`${folder}/model.safetensors`);

  test.each(scores)('loss and gradient norms of “$text”', async ({ ids, mean_nll: mean, grad_frobenius: norms }) => {
    const S = ids.length;
    const text = new TextGraph(reference.json(`${folder}/config.json`), model, {
      shape: [1, S],
      ids,
      mask: new Float32Array(S).fill(1),
      positions: [...ids.keys()],
      labels: ids.map((_, i) => ids[i + 1] ?? -100),
      weights: ids.map((_, i) => (i === S - 1 ? 0 : 1 / (S - 1))),
    });
    const actual = await text.onDevice();
    expect(Math.abs(actual(text.loss)[0] - mean)).toBeLessThan(2e-5 * mean + 1e-6); // the reference gives six decimals
    for (const [name, wanted] of Object.entries(norms)) {
      const [, gradient] = [...text.gradients].find(([tensor]) => tensor.name === name) ?? [];
      if (gradient === undefined) throw new Error(`${name} has no gradient`);
      const norm = Math.hypot(...Array.from(actual(gradient)));
      expect(Math.abs(norm / wanted - 1), name).toBeLessThan(1e-3);
    }
  });
});
