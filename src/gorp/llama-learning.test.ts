import { span, SPAN_FIELDS, spanTable } from '../graph/ops/attention.ts';
import { type Batch, type TokenPair, tokensOf } from '../base/batch.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../device/device.ts';
import { Graph, type Numbers } from '../graph/graph.ts';
import { crossEntropy } from '../graph/ops/cross-entropy.ts';
import { sumGradients } from '../graph/ops/elementwise.ts';
import { embedding } from '../graph/ops/embedding.ts';
import { ADAM, adamStepSize } from '../graph/ops/optimizer.ts';
import type { DataType, Tensor } from '../graph/tensor.ts';
import { runOnCpu } from '../graph/on-device.ts';
import { plainLayers } from '../models/layers.ts';
import { Decoder } from '../models/decoder.ts';
import { type DecoderConfig, parseDecoderConfig } from '../models/decoder-config.ts';
import { LLAMA } from '../models/decoder-families.ts';
import { DecoderNetwork } from '../models/decoder-network.ts';
import { rotaryTable } from '../models/rotary-angles.ts';
import { relativeError } from '../testing/compare.ts';
import { goldenReal, type GoldenTensor } from '../testing/golden.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { type ReferenceFolder, referencesWith, trainedModels } from '../testing/reference.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { Learner } from './learner.ts';
import { DECODER_TARGETS } from '../models/targets.ts';
import { methodPreset, planOf } from '../methods/registry.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

const RATE = 2e-3;
const STEPS = 36;
// Steps that the slow reference takes, too.
const REFERENCE_STEPS = 4;

describe.each(trainedModels)('$name learns sentences with plain Adam', ({ reference, folder }) => {
  test('matches the f64 reference on the GPU, and then learns all of them', async () => {
    const config = parseDecoderConfig(LLAMA, reference.json(`${folder}/config.json`));
    const model = reference.tensors(`${folder}/model.safetensors`);
    const batch = sentences(reference, folder);
    const network = new DecoderNetwork(device, config, Math.max(...batch.map((row) => tokensOf([row]))));
    const learner = await Learner.create(
      device,
      network,
      planOf({ ...methodPreset('seq-ft'), galoreLearningRate: RATE }),
      DECODER_TARGETS,
      { seed: 1, maxGradNorm: 1e6, gradientAccumulation: 1 },
      (name) => Promise.resolve(goldenReal(model, name).data),
    );
    await learner.beginTask();
    const losses: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      await learner.step([batch]);
      if (learner.untakenSteps === learner.ringSteps || step === STEPS - 1) {
        losses.push(...(await learner.takeRecords()).map(({ loss }) => loss));
      }
    }
    learner.destroy();
    network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);

    expect(losses).toHaveLength(STEPS);
    // The golden data allows a loss of f32 on the GPU 2e-5; steps of Adam divide by small moments and add to it.
    expect(relativeError(losses.slice(0, REFERENCE_STEPS), referenceLosses(config, model, batch))).toBeLessThan(2e-4);
    expect(losses[REFERENCE_STEPS - 1]).toBeLessThan(losses[0]);
    expect(losses[STEPS - 1], losses.join(', ')).toBeLessThan(losses[0] / 2);
  }, 180_000); // with an empty shader cache, most of it is compilation
});

/** Three sentences of SST-2, each cut after `<s>` and a few tokens; the label is the rest. */
function sentences(reference: ReferenceFolder, folder: string): Batch {
  const [json, options] = ['tokenizer', 'tokenizer_config'].map((file) => reference.json(`${folder}/${file}.json`));
  const tokenizer = loadTokenizer(json, options, 'begun');
  const rowsFile = 'cl-benchmark/CL_Benchmark/SC/SST-2/train.json';
  const source = reference.has(rowsFile) ? reference : referencesWith(rowsFile)[0];
  const examples = source.json<{ sentence: string }[]>(rowsFile);
  const rows = examples
    .map(({ sentence }) => tokenizer.encodePrompt(sentence))
    .filter((ids) => ids.length >= 12)
    .slice(0, 3)
    .map((ids): TokenPair => ({ source: ids.slice(0, 4), label: [...ids.slice(4, 24), tokenizer.eosId] }));
  return rows;
}

/** Losses of the first steps in f64: the graph's references, and Adam by docs/method.md, eq. (5). */
function referenceLosses(config: DecoderConfig, model: ReadonlyMap<string, GoldenTensor>, rows: Batch): number[] {
  const B = rows.length;
  const L = Math.max(...rows.map((row) => tokensOf([row]))) - 1; // the last token of a label is not read
  const g = new Graph();
  const values = new Map<Tensor, Numbers>();
  const types = { f32: Float64Array, i32: Int32Array, u32: Uint32Array };
  const add = (name: string, shape: readonly number[], dtype: DataType, data: ArrayLike<number>): Tensor => {
    const trainable = DECODER_TARGETS.fullRank.test(name.replace(/\.weight$/, ''));
    const tensor = g.persistent(name, shape, { dtype, trainable });
    values.set(tensor, types[dtype].from(data));
    return tensor;
  };
  const parameters = new Map([...model].map(([name, { shape, data }]) => [name, add(name, shape, 'f32', data)]));
  const llama = new Decoder(
    config,
    plainLayers((name) => {
      const tensor = parameters.get(name);
      if (tensor === undefined) throw new Error(`no parameter ${name}`);
      return tensor;
    }),
  );
  const texts = rows.map(({ source, label }) => [...source, ...label].slice(0, -1));
  const padded = (of: (text: readonly number[], i: number) => number): number[] =>
    texts.flatMap((text) => Array.from({ length: L }, (_, i) => of(text, i)));
  const labels = rows.flatMap(({ label }) => label);
  const predicting = rows.flatMap(({ source, label }, b) => label.map((_, i) => b * L + source.length - 1 + i));
  const at = {
    tables: [add('angles', [L, config.headDim], 'f32', rotaryTable(config.rotaries[0], L))],
    positions: add(
      'positions',
      [B, L],
      'i32',
      padded((_, i) => i),
    ),
    offset: add('offset', [1], 'u32', [0]),
  };
  const ids = padded((text, i) => text[i] ?? config.padId);
  const spans = texts.flatMap(({ length }, b) => [span(b * L, length), span(b * L + length, L - length)]);
  const table = add('spans', [spans.length, SPAN_FIELDS], 'u32', spanTable(spans));
  const last = llama.read(g, add('ids', [B, L], 'u32', ids), table, at);
  const loss = crossEntropy(
    g,
    llama.projection(embedding(g, last, add('predicting', [1, labels.length], 'u32', predicting))),
    add('labels', [1, labels.length], 'i32', labels),
    add(
      'weights',
      [labels.length],
      'f32',
      labels.map(() => 1 / labels.length),
    ),
  );
  const gradients = g.backward(loss, add('one', [1], 'f32', [1]), sumGradients(g));
  expect(gradients.size).toBe(config.layers.length);
  const moments = new Map(
    [...gradients.keys()].map((tensor) => [
      tensor,
      { m: new Float64Array(tensor.elements), v: new Float64Array(tensor.elements) },
    ]),
  );
  return Array.from({ length: REFERENCE_STEPS }, (_, step) => {
    const value = runOnCpu(g, values);
    const rate = adamStepSize(RATE, step + 1);
    for (const [tensor, { m, v }] of moments) {
      const [w, gradient] = [value(tensor), value(gradients.get(tensor) as Tensor)];
      for (let i = 0; i < w.length; i++) {
        m[i] = ADAM.beta1 * m[i] + (1 - ADAM.beta1) * gradient[i];
        v[i] = ADAM.beta2 * v[i] + (1 - ADAM.beta2) * gradient[i] ** 2;
        w[i] -= (rate * m[i]) / (Math.sqrt(v[i]) + ADAM.eps);
      }
    }
    return value(loss)[0];
  });
}
