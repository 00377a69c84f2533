import type { TokenPair } from '../base/batch.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { sumGradients } from '../graph/ops/elementwise.ts';
import { sizeOf, type Tensor } from '../graph/tensor.ts';
import { relativeError } from '../testing/compare.ts';
import { DECODERS, familiesIn, readDecoderConfig } from '../testing/families.ts';
import { goldenReal } from '../testing/golden.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { type ReferenceFolder, trainedModels } from '../testing/reference.ts';
import { labelTree, sizesOfTrees } from './label-tree.ts';
import { type Layers, plainLayers } from './layers.ts';
import { DecoderNetwork } from './decoder-network.ts';
import type { Generation } from './network.ts';
import { Parameters } from './parameters.ts';

// The GPU column of the reference data's tolerances.
const LOSS_TOLERANCE = 2e-5;
/** Sums over the same tokens in another order, in f32. */
const SHARING_TOLERANCE = 1e-5;

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(async () => {
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
});

/** A model of the reference data on the GPU. */
class OpenedModel {
  readonly #parameters: Parameters;
  readonly #owned: OwnedBuffer[] = [];
  readonly #compiled: Compiled[] = [];

  private constructor(
    readonly network: DecoderNetwork,
    readonly layers: Layers,
    parameters: Parameters,
  ) {
    this.#parameters = parameters;
  }

  /** @param fields of config.json to replace. */
  static async open(
    reference: ReferenceFolder,
    folder: string,
    reach: number,
    fields: Record<string, unknown> = {},
  ): Promise<OpenedModel> {
    const config = readDecoderConfig({ ...reference.json<object>(`${folder}/config.json`), ...fields });
    const network = new DecoderNetwork(device, config, reach);
    const model = reference.tensors(`${folder}/model.safetensors`);
    const read = (name: string): Promise<Float32Array> => Promise.resolve(goldenReal(model, name).data);
    const parameters = await Parameters.load(device, network.shapes, read);
    const layers = plainLayers((name) => parameters.tensor(name));
    return new OpenedModel(network, layers, parameters);
  }

  get owned(): OwnedBuffer[] {
    return this.#owned;
  }

  async program(name: string, build: (g: Graph) => Tensor[]): Promise<Compiled> {
    const g = new Graph();
    return this.compile(name, g, build(g));
  }

  async compile(name: string, g: Graph, roots: readonly Tensor[]): Promise<Compiled> {
    const one = await compile(device, name, g, roots);
    this.#compiled.push(one);
    return one;
  }

  async generator(B: number, S: number, capacity: number, answers = 0): Promise<Generator> {
    const generation = this.network.generation({ B, tokens: B * S, capacity, answers }, this.#owned);
    const prefill = await this.program('prefill', (g) => generation.prefill(g, this.layers));
    const step = await this.program('step', (g) => {
      generation.decodeStep(g, this.layers);
      return [];
    });
    return { generation, prefill, step };
  }

  destroy(): void {
    for (const one of this.#compiled) one.destroy();
    for (const buffer of this.#owned) buffer.destroy();
    this.#parameters.destroy();
    this.network.destroy();
  }
}

interface Generator {
  generation: Generation;
  prefill: Compiled;
  step: Compiled;
}

/** The ids after the prompts, [B][capacity − 1], and how many rows have not ended. */
async function generate(
  { generation, prefill, step }: Generator,
  sources: readonly (readonly number[])[],
): Promise<{ rows: number[][]; remaining: number }> {
  generation.start(sources);
  await device.run([prefill.program]);
  const { tokens, remaining } = generation.state;
  const [B, capacity] = tokens.shape;
  for (let i = 1; i < capacity; i++) await device.run([step.program]);
  const ids = Array.from(new Uint32Array(await device.read(step.rangeOf(tokens)), 0, B * capacity));
  const rows = Array.from({ length: B }, (_, b) => ids.slice(b * capacity + 1, (b + 1) * capacity));
  return { rows, remaining: new Uint32Array(await device.read(step.rangeOf(remaining)))[0] };
}

const readReals = async (one: Compiled, tensor: Tensor): Promise<number[]> =>
  Array.from(new Float32Array(await device.read(one.rangeOf(tensor)), 0, sizeOf(tensor.shape)));

const idsOf = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => 3 + ((7 * i + 5 * seed + ((i * seed) % 3)) % 12));
/** Batches of rows that share something or nothing, and the share of their tokens that is read at most. */
const SHARING: [string, { most: number; rows: TokenPair[] }][] = [
  [
    'two beginnings, rows of one own token, a conversation', // one longer than every window; and a row that shares nothing
    {
      most: 0.7,
      rows: [
        { source: [...idsOf(11, 1), ...idsOf(5, 3)], label: idsOf(3, 4) },
        { source: [...idsOf(9, 2), ...idsOf(1, 5)], label: idsOf(1, 6) },
        { source: [...idsOf(11, 1), ...idsOf(1, 7)], label: idsOf(2, 8) },
        { source: idsOf(4, 9), label: idsOf(2, 10) },
        { source: [...idsOf(9, 2), ...idsOf(7, 11)], label: idsOf(4, 12) },
        { source: [...idsOf(11, 1), ...idsOf(2, 13)], label: idsOf(1, 14) },
        // A conversation after its first answer, and an example with another answer to the same prompt.
        { source: [...idsOf(4, 9), ...idsOf(2, 10), ...idsOf(3, 15)], label: idsOf(3, 16) },
        { source: [...idsOf(9, 2), ...idsOf(1, 5)], label: idsOf(1, 17) },
      ],
    },
  ],
  ['one row', { most: 1, rows: [{ source: idsOf(7, 1), label: idsOf(2, 2) }] }],
  [
    'rows of one token, some of them equal',
    { most: 0.7, rows: Array.from({ length: 13 }, (_, i) => ({ source: [3 + (i % 2)], label: [5 + (i % 3)] })) },
  ],
  [
    'a beginning of one token',
    { most: 0.8, rows: Array.from({ length: 10 }, (_, i) => ({ source: [3, 4 + i], label: idsOf(2, i) })) },
  ],
  [
    'equal prompts, which share all but their last token',
    { most: 0.3, rows: Array.from({ length: 5 }, (_, i) => ({ source: idsOf(13, 1), label: idsOf(1 + (i % 3), i) })) },
  ],
  [
    'prompts that share nothing',
    {
      most: 1,
      rows: Array.from({ length: 4 }, (_, i) => ({ source: [3 + i, ...idsOf(3 + i, i)], label: idsOf(2, i) })),
    },
  ],
];

describe.each(familiesIn(DECODERS))('$family of $reference.name', ({ family, reference }) => {
  const folder = `golden/${family}`;
  interface Golden {
    max_new_tokens: number;
    input_ids: number[][];
    attention_mask: number[][];
    output_ids: number[][];
  }
  const golden = reference.json<Golden>(`${folder}/generate.json`);
  const [S, count] = [golden.input_ids[0].length, golden.max_new_tokens];
  const sources = golden.input_ids.map((row, b) => row.filter((_, i) => golden.attention_mask[b][i] === 1));
  const wanted = golden.output_ids.map((row) => row.slice(S));

  let model: OpenedModel;
  beforeAll(async () => {
    model = await OpenedModel.open(reference, folder, S + count + 1);
  });
  afterAll(() => model.destroy());

  test('greedy generation gives the ids of the reference, for a whole and a partial batch', async () => {
    const { padId, endIds } = model.network.tokens;
    const empty = new Array<number>(count).fill(padId);
    // One row more than prompts and a few more positions, as in the last batch of a test set.
    const generator = await model.generator(sources.length + 1, S + 3, count + 1);
    const all = await generate(generator, sources);
    expect(all.rows).toEqual([...wanted, empty]);
    expect(all.remaining).toBe(wanted.filter((row) => !row.some((id) => endIds.includes(id))).length);
    // Again with other rows: nothing of the first batch may remain in the caches.
    const part = await generate(generator, [sources[2], sources[1]]);
    expect(part.rows).toEqual([wanted[2], wanted[1], ...sources.slice(1).map(() => empty)]);
  });

  test('ends an answer at any of several end-of-text tokens', async () => {
    const end = wanted[0][3];
    const { padId, endIds } = model.network.tokens;
    const ends = { eos_token_id: [...endIds, end] };
    const other = await OpenedModel.open(reference, folder, S + count + 1, ends);
    const { rows, remaining } = await generate(await other.generator(sources.length, S, count + 1), sources);
    const cut = wanted.map((row) => {
      const at = row.findIndex((id) => [...endIds, end].includes(id));
      return row.map((id, i) => (at < 0 || i <= at ? id : padId));
    });
    expect(rows).toEqual(cut);
    expect(rows[0].slice(wanted[0].indexOf(end) + 1).every((id) => id === padId)).toBe(true);
    expect(remaining).toBe(cut.filter((row) => !row.some((id) => [...endIds, end].includes(id))).length);
    other.destroy();
  });

  test('gives the same answers to prompts that another generation has read', async () => {
    const { padId } = model.network.tokens;
    const empty = new Array<number>(count).fill(padId);
    const { generation, prefill } = await model.generator(sources.length, S, count + 1);
    const other = model.network.generation({ B: 3, tokens: 3 * (S + 5), capacity: count + 1 }, model.owned);
    const step = await model.program('first rows', (g) => {
      other.decodeStep(g, model.layers, 2);
      return [];
    });
    generation.start(sources);
    await device.run([prefill.program]);
    await other.adopt(generation, [1], 0);
    await other.adopt(generation, [0, 1], 1);
    await other.adopt(generation, [2], 1);
    other.startAdopted(2);
    for (let i = 0; i < count; i++) await device.run([step.program]);
    const { tokens } = other.state;
    const ids = Array.from(new Uint32Array(await device.read(step.rangeOf(tokens)), 0, sizeOf(tokens.shape)));
    const rows = [0, 1, 2].map((b) => ids.slice(b * (count + 1) + 1, (b + 1) * (count + 1)));
    expect(rows).toEqual([wanted[1], wanted[2], empty]);
  });

  test('writes the rest of some answers in the first places', async () => {
    const { generation, prefill, step } = await model.generator(sources.length, S, count + 1);
    const two = await model.program('two rows', (g) => {
      generation.decodeStep(g, model.layers, 2);
      return [];
    });
    generation.start(sources);
    await device.run([prefill.program, step.program, step.program]);
    const held = await generation.moveToFront([2, 0]);
    expect(held).toEqual([0, 2]);
    for (let i = 2; i < count; i++) await device.run([two.program]);
    const { tokens } = generation.state;
    const ids = Array.from(new Uint32Array(await device.read(two.rangeOf(tokens)), 0, sizeOf(tokens.shape)));
    const rows = held.map((_, b) => ids.slice(b * (count + 1) + 1, (b + 1) * (count + 1)));
    expect(rows).toEqual(held.map((row) => wanted[row]));
  });

  test('gives labels the losses of a plain forward pass', async () => {
    const T = 4;
    // The first tokens of each answer, fewer from row to row, and none after its end.
    const labels = wanted.map((row, b) => {
      const end = row.findIndex((id) => model.network.tokens.endIds.includes(id));
      return row.slice(0, Math.min(Math.max(T - b, 1), end < 0 ? T : end + 1));
    });
    labels.push([...labels[0].slice(0, 2), labels[1][0]]); // has the beginning of another
    const B = sources.length;
    const tree = labelTree(labels);
    const trees = sources.map(() => tree);
    // Room for more nodes than there are.
    const { nodes, choices: all, runs } = sizesOfTrees(trees);
    const sizes = { nodes: nodes + 3, choices: all + 1, runs };
    const choices = tree.choices.tokens.length;
    const { generation, prefill } = await model.generator(B, S, 2, sizes.nodes);
    const ranking = generation.ranking(sizes, model.owned);
    let losses: Tensor | undefined;
    let best: Tensor | undefined;
    const rank = await model.program('rank', (g) => {
      ({ loss: losses, best } = ranking.record(g, model.layers));
      return [losses, best];
    });
    generation.start(sources);
    ranking.write(trees);
    await device.run([prefill.program, rank.program]);
    const flat = losses ? await readReals(rank, losses) : [];
    const sumOf = (source: number, label: number): number =>
      tree.paths[label].reduce((sum, choice) => sum + flat[source * choices + choice], 0);

    // After the nodes of its own answer, a prompt continues as in generation.
    const ids = best ? new Uint32Array(await device.read(rank.rangeOf(best)), 0, sizeOf(best.shape)) : [];
    sources.forEach((_, b) => {
      const nodes = [0, ...tree.paths[b].map((choice) => tree.choices.nodes[choice])].slice(0, labels[b].length);
      expect(nodes.map((node) => ids[b * tree.tokens.length + node])).toEqual(labels[b]);
    });

    let loss: Tensor | undefined;
    for (let shift = 0; shift < labels.length; shift++) {
      const labelOf = (b: number): number => (b + shift) % labels.length;
      const rows: TokenPair[] = sources.map((source, b) => ({ source, label: labels[labelOf(b)] }));
      const batch = model.network.batch(model.network.sizes(rows), model.owned);
      const forward = await model.program('loss', (g) => [(loss = batch.loss(g, model.layers))]);
      batch.write(rows);
      await device.run([forward.program]);
      const [mean] = loss ? await readReals(forward, loss) : [];
      const sum = sources.reduce((total, _, b) => total + sumOf(b, labelOf(b)), 0);
      const written = rows.flatMap(({ label }) => label).length;
      expect(Math.abs(sum / written / mean - 1), `labels moved by ${shift}`).toBeLessThan(LOSS_TOLERANCE);
    }
  });

  // Families differ in nothing that depends on how much is shared: the first has all batches.
  const batches = family === DECODERS[0] ? SHARING : SHARING.slice(0, 1);
  test.each(batches)('gives the same loss and gradients whether rows share or not: %s', async (_, { rows, most }) => {
    const alone = new DecoderNetwork(device, model.network.config, S + count + 1, true);
    const gradientsOf = async (sharesNothing: boolean): Promise<Map<string, number[]>> => {
      const { owned, layers } = model;
      const network = sharesNothing ? alone : model.network;
      const batch = network.batch(network.sizes(rows), owned);
      const tensors = new Map<string, Tensor>();
      const trained = plainLayers((name) => {
        const tensor = tensors.get(name) ?? { ...layers.parameter(name), trainable: !name.includes('embed') };
        tensors.set(name, tensor);
        return tensor;
      });
      const g = new Graph();
      const loss = batch.loss(g, trained);
      const gradients = g.backward(loss, network.one, sumGradients(g));
      const one = await model.compile('gradients', g, [loss, ...gradients.values()]);
      batch.write(rows);
      await device.run([one.program]);
      const found = new Map([['loss', await readReals(one, loss)]]);
      for (const [{ name }, gradient] of gradients) found.set(name, await readReals(one, gradient));
      return found;
    };
    const [shared, apart] = [await gradientsOf(false), await gradientsOf(true)];
    const [read, whole] = [model.network, alone].map((network) => network.sizes(rows).tokens);
    alone.destroy();
    expect(read).toBeLessThanOrEqual(most * whole);
    expect(shared.size).toBeGreaterThan(10);
    // Where each token sees only itself, queries and keys have no gradient: what is there is rounding.
    const rounding = 1e-6 * Math.max(...[...apart.values()].map((values) => Math.hypot(...values)));
    for (const [name, values] of apart) {
      const found = shared.get(name) ?? [];
      if (Math.hypot(...values) < rounding) expect(Math.hypot(...found), name).toBeLessThan(rounding);
      else expect(relativeError(found, values), name).toBeLessThan(SHARING_TOLERANCE);
    }
  });

  test('gives the loss of the reference logits over the label', async () => {
    const [logits, batchOf] = ['expected', 'batch'].map((file) => reference.tensors(`${folder}/${file}.safetensors`));
    const part = (name: string): number[] => Array.from(batchOf.get(name)?.data ?? []);
    const [ids, mask, lossMask] = ['input_ids', 'attention_mask', 'loss_mask'].map(part);
    const { data, shape } = goldenReal(logits, 'logits');
    const [B, L, V] = shape;
    const losses: number[] = [];
    const rows = Array.from({ length: B }, (_, b): TokenPair => {
      const place = (i: number): number => b * L + i;
      const places = Array.from({ length: L }, (_, i) => i).filter((i) => mask[place(i)] === 1);
      // The mask is 1 from the position that predicts the first token of the label.
      const border = places.findIndex((i) => lossMask[place(i)] === 1) + 1;
      for (const i of places.slice(border)) {
        const row = data.subarray(place(i - 1) * V, place(i) * V);
        losses.push(Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[ids[place(i)]]);
      }
      const text = places.map((i) => ids[place(i)]);
      return { source: text.slice(0, border), label: text.slice(border) };
    });
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    const batch = model.network.batch(model.network.sizes(rows), model.owned);
    let loss: Tensor | undefined;
    const forward = await model.program('loss', (g) => [(loss = batch.loss(g, model.layers))]);
    batch.write(rows);
    await device.run([forward.program]);
    expect(relativeError(loss ? await readReals(forward, loss) : [], [mean])).toBeLessThan(LOSS_TOLERANCE);
    const { counts } = batch.counts('model.layers.0.mlp.gate_proj');
    expect((await readReals(forward, counts)).reduce((a, b) => a + b, 0)).toBe(
      rows.reduce((n, { source, label }) => n + source.length + label.length - 1, 0),
    );
  });

  test('refuses texts longer than the model’s positions', () => {
    const config = model.network.config;
    const make = (): DecoderNetwork => new DecoderNetwork(device, config, config.maxPositions + 1);
    expect(make).toThrow(expect.objectContaining({ code: 'settings/text-too-long' }) as Error);
  });
});

describe.each(trainedModels)('$name', ({ reference, folder }) => {
  const { greedy } = reference.json<{ greedy: { prompt_ids: number[]; new_ids: number[] }[] }>(`${folder}/golden.json`);
  const S = Math.max(...greedy.map(({ prompt_ids: ids }) => ids.length));
  const count = Math.max(...greedy.map(({ new_ids: ids }) => ids.length));

  test('greedy continuations of all prompts in one batch', async () => {
    const model = await OpenedModel.open(reference, folder, S + count + 1);
    const generator = await model.generator(greedy.length, S, count + 1);
    const { rows } = await generate(
      generator,
      greedy.map(({ prompt_ids: ids }) => ids),
    );
    greedy.forEach(({ new_ids: ids }, b) => expect(rows[b].slice(0, ids.length)).toEqual(ids));
    model.destroy();
  });
});
