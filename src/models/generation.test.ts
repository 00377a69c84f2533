import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Batch, labelTokensOf } from '../base/batch.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { sizeOf, type Tensor } from '../graph/tensor.ts';
import { relativeError } from '../testing/compare.ts';
import { ENCODER_DECODERS, readT5Config } from '../testing/families.ts';
import { goldenBatch, type GoldenTensor, goldenReal } from '../testing/golden.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { type ReferenceFolder, referencesWith } from '../testing/reference.ts';
import { labelTree, sizesOfTrees } from './label-tree.ts';
import { type Layers, plainLayers } from './layers.ts';
import { Parameters } from './parameters.ts';
import { T5Network } from './t5-network.ts';

/** The GPU columns of the reference data's tolerances. */
const LOGITS_TOLERANCE = 2e-4;
const LOSS_TOLERANCE = 2e-5;

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

describe.each(ENCODER_DECODERS)('generation and ranking of %s on the GPU', (family) => {
  describe.each(referencesWith(`golden/${family}`))('$name', (reference) => checkFamily(reference, family));
});

function checkFamily(reference: ReferenceFolder, family: string): void {
  const model = reference.tensors(`golden/${family}/model.safetensors`);
  const batch = reference.tensors(`golden/${family}/batch.safetensors`);
  const config = readT5Config(reference.json(`golden/${family}/config.json`));
  const part = (name: string): GoldenTensor => {
    const tensor = batch.get(name);
    if (!tensor) throw new Error(`The batch has no ${name}.`);
    return tensor;
  };
  const [B, S] = part('input_ids').shape;
  const [, T] = part('labels').shape;
  const rowsOf = (tensor: GoldenTensor): number[][] => {
    const [rows, columns] = tensor.shape;
    return Array.from({ length: rows }, (_, b) => Array.from(tensor.data.slice(b * columns, (b + 1) * columns)));
  };
  const examples = goldenBatch(part('input_ids'), part('attention_mask'), part('labels'));
  const sources = examples.map(({ source }) => source);
  const labels = examples.map(({ label }) => label);

  let network: T5Network;
  let parameters: Parameters;
  let layers: Layers;
  const owned: OwnedBuffer[] = [];
  const compiled: Compiled[] = [];
  beforeAll(async () => {
    network = new T5Network(device, config, S);
    parameters = await Parameters.load(device, network.shapes, (name) => Promise.resolve(goldenReal(model, name).data));
    layers = plainLayers((name) => parameters.tensor(name));
  });
  afterAll(() => {
    for (const one of compiled) one.destroy();
    for (const buffer of owned) buffer.destroy();
    parameters.destroy();
    network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });

  async function program(name: string, build: (g: Graph) => Tensor[]): Promise<Compiled> {
    const g = new Graph();
    const one = await compile(device, name, g, build(g));
    compiled.push(one);
    return one;
  }
  const readIds = async (one: Compiled, tensor: Tensor): Promise<number[][]> =>
    rowsOf({ shape: tensor.shape.slice(), data: new Int32Array(await device.read(one.rangeOf(tensor))) });
  const readReals = async (one: Compiled, tensor: Tensor): Promise<number[]> =>
    Array.from(new Float32Array(await device.read(one.rangeOf(tensor)), 0, sizeOf(tensor.shape)));

  test('greedy generation gives the ids of the reference, for a whole and a partial batch', async () => {
    const golden = reference.json<{ max_new_tokens: number; output_ids: number[][] }>(`golden/${family}/generate.json`);
    const capacity = golden.max_new_tokens + 1;
    const wanted = golden.output_ids.map((row) => [
      ...row,
      ...new Array<number>(capacity - row.length).fill(config.padId),
    ]);
    // One row more than sources, as in the last batch of a test set.
    const rows = B + 1;
    const generation = network.generation({ B: rows, tokens: rows * S, capacity }, owned);
    const { state } = generation;
    const prefill = await program('encode', (g) => generation.prefill(g, layers));
    const step = await program('decode', (g) => {
      generation.decodeStep(g, layers);
      return [];
    });
    const empty = [config.startId, ...new Array<number>(capacity - 1).fill(config.padId)];
    const generate = async (): Promise<number[][]> => {
      await device.run([prefill.program]);
      for (let i = 1; i < capacity; i++) await device.run([step.program]);
      return readIds(step, state.tokens);
    };

    generation.start(sources);
    expect(await generate()).toEqual([...wanted, empty]);
    const open = wanted.filter((row) => !row.includes(config.endIds[0])).length;
    expect(new Uint32Array(await device.read(step.rangeOf(state.remaining)))[0]).toBe(open);

    // Sources read by another generation, with more room, in another order and among others.
    const other = network.generation({ B: 3, tokens: 3 * (S + 4), capacity }, owned);
    const shared = await program('decode the first rows', (g) => {
      other.decodeStep(g, layers, 2);
      return [];
    });
    await other.adopt(generation, [1], 0);
    await other.adopt(generation, [2, 0], 1);
    await other.adopt(generation, [0], 1);
    other.startAdopted(2);
    for (let i = 1; i < capacity; i++) await device.run([shared.program]);
    expect(await readIds(shared, other.state.tokens)).toEqual([wanted[1], wanted[0], empty]);

    // The last row of the reference takes the place of the second in the middle of the answers.
    const two = await program('decode two rows', (g) => {
      generation.decodeStep(g, layers, 2);
      return [];
    });
    generation.start(sources);
    await device.run([prefill.program, step.program]);
    expect(await generation.moveToFront([B - 1, 0])).toEqual([0, B - 1]);
    for (let i = 2; i < capacity; i++) await device.run([two.program]);
    expect((await readIds(two, state.tokens)).slice(0, 2)).toEqual([wanted[0], wanted[B - 1]]);

    // The same state again with other rows: nothing of the first batch may remain in the caches.
    generation.start(sources.slice(1));
    expect(await generate()).toEqual([...wanted.slice(1), empty, empty]);
  });

  test('gives labels the losses of the reference and of a plain forward pass', async () => {
    // Rank every label of the batch for every source.
    const tree = labelTree(labels);
    const choices = tree.choices.tokens.length;
    const trees = sources.map(() => tree);
    const sizes = sizesOfTrees(trees);
    const generation = network.generation({ B, tokens: B * S, capacity: 2, answers: sizes.nodes }, owned);
    const ranking = generation.ranking(sizes, owned);
    const prefill = await program('encode', (g) => generation.prefill(g, layers));
    let losses: Tensor | undefined;
    let best: Tensor | undefined;
    const rank = await program('rank', (g) => {
      ({ loss: losses, best } = ranking.record(g, layers));
      return [losses, best];
    });
    generation.start(sources);
    ranking.write(trees);
    await device.run([prefill.program, rank.program]);
    const flat = losses ? await readReals(rank, losses) : [];
    const lossesOf = (source: number, label: number): number[] =>
      tree.paths[label].map((choice) => flat[source * choices + choice]);

    // The likeliest token at the root is the first one that generation writes.
    const { output_ids } = reference.json<{ output_ids: number[][] }>(`golden/${family}/generate.json`);
    const [likeliest] = best ? await readIds(rank, best) : [];
    const first = sources.map((_, source) => likeliest[source * tree.tokens.length]);
    expect(first).toEqual(output_ids.map((row) => row[1]));

    const logits = goldenReal(reference.tensors(`golden/${family}/expected.safetensors`), 'logits');
    const V = logits.shape[2];
    labels.forEach((ids, b) => {
      const expected = ids.map((_, t) => {
        const row = logits.data.subarray((b * T + t) * V, (b * T + t + 1) * V);
        return logSumExp(row) - row[ids[t]];
      });
      expect(relativeError(lossesOf(b, b), expected), `source ${b} with its own label`).toBeLessThan(LOGITS_TOLERANCE);
    });

    const examplesBy = (shift: number): Batch =>
      sources.map((source, b) => ({ source, label: labels[(b + shift) % B] }));
    const batchOf = network.batch(network.sizes(examplesBy(0)), owned);
    let loss: Tensor | undefined;
    const forward = await program('loss', (g) => [(loss = batchOf.loss(g, layers))]);
    for (let shift = 0; shift < B; shift++) {
      const chosen = examplesBy(shift);
      batchOf.write(chosen);
      await device.run([forward.program]);
      const [mean] = loss ? await readReals(forward, loss) : [];
      const sum = labels.flatMap((_, b) => lossesOf(b, (b + shift) % B)).reduce((a, b) => a + b, 0);
      expect(Math.abs(sum / labelTokensOf(chosen) / mean - 1), `labels moved by ${shift}`).toBeLessThan(LOSS_TOLERANCE);
    }
  });
}

function logSumExp(row: Float32Array): number {
  const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
  return top + Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0));
}
