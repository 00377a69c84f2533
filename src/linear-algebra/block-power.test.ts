import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { addInto, sumGradients } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { plainTensor, storeTensor, type Tensor } from '../graph/tensor.ts';
import { Parameters } from '../models/parameters.ts';
import { embeddedModel } from '../testing/embedded-model.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { GraphUnderTest } from '../testing/graphs.ts';
import {
  diagonalMatrix,
  orthonormalityError,
  randomMatrix,
  randomOrthonormal,
  projectOutRight,
} from '../testing/matrices.ts';
import { principalAngles } from '../gorp/spaces/directions.ts';
import { recordLeadingVectors, recordShareEstimate, sketchSize } from './block-power.ts';
import { columnSlice, energy, type Matrix, matrix, multiply, multiplyTranspose, transpose } from './matrix.ts';
import { T5_TARGETS } from '../models/targets.ts';
import { leadingSingularVectors, signFix } from './svd.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

/** The first rows of a sketch as columns. */
const columnsOf = (sketch: Float64Array, width: number, count: number): Matrix =>
  transpose(matrix(count, width, sketch.subarray(0, count * width)));

/** dY and X such that dYᵀ X has the given singular values, with more tokens than either side needs. */
function gradientOf(out: number, inputs: number, values: number[], tokens: number): { x: Matrix; dy: Matrix } {
  const U = randomOrthonormal(out, values.length, 1);
  const V = randomOrthonormal(inputs, values.length, 2);
  const T = randomOrthonormal(tokens, values.length, 3);
  return {
    x: multiplyTranspose(T, V),
    dy: multiplyTranspose(multiply(T, diagonalMatrix(values)), U),
  };
}

interface Case {
  out: number;
  inputs: number;
  tokens: number;
  rank: number;
  values: number[];
}
// Singular values that halve; a gap of a tenth after the rank; and fewer than the rank.
const halves = (count: number): number[] => Array.from({ length: count }, (_, i) => 2 ** -i);
const CASES: Case[] = [
  { out: 24, inputs: 16, tokens: 40, rank: 4, values: halves(12) },
  { out: 13, inputs: 31, tokens: 37, rank: 3, values: halves(11) },
  { out: 64, inputs: 64, tokens: 65, rank: 8, values: [...halves(8), ...halves(40).map((v) => v / 1280)] },
  { out: 5, inputs: 7, tokens: 6, rank: 5, values: [3, 2, 1] },
  { out: 1, inputs: 9, tokens: 3, rank: 1, values: [1e-12] },
];

describe.each(CASES)('$out × $inputs, rank $rank', ({ out, inputs, tokens, rank, values }) => {
  const { x, dy } = gradientOf(out, inputs, values, tokens);
  const G = multiply(transpose(dy), x);
  const known = Math.min(rank, values.length);
  const size = sketchSize(rank, out, inputs);
  const operands = { x: { shape: [tokens, inputs], values: x.data }, dy: { shape: [tokens, out], values: dy.data } };

  test.each(['right', 'left'] as const)('%s vectors match the exact ones, including signs and order', async (side) => {
    const width = side === 'right' ? inputs : out;
    const t = new GraphUnderTest(
      { ...operands, sketch: { shape: [size, width], values: new Float64Array(size * width) } },
      (g, input) => {
        recordLeadingVectors(g, { x: input('x'), dy: input('dy') }, side, input('sketch'));
        return { sketch: input('sketch') };
      },
    );
    const vectors = leadingSingularVectors(G, known);
    const exact = signFix(side === 'right' ? vectors.right : vectors.left, matrix(1, known)).vectors;
    for (const found of [t.onCpu(), await t.onDevice(device)]) {
      const sketch = found.get('sketch') ?? new Float64Array();
      expect(orthonormalityError(columnsOf(sketch, width, size))).toBeLessThan(1e-5);
      const V = columnsOf(sketch, width, known);
      for (const cosine of principalAngles(V, exact)) expect(cosine).toBeGreaterThan(0.9999);
      for (let j = 0; j < known; j++) {
        const [cosine] = principalAngles(columnSlice(V, j, j + 1), columnSlice(exact, j, j + 1));
        expect(cosine, `vector ${j}`).toBeGreaterThan(0.999);
        const dot = energyProduct(columnSlice(V, j, j + 1), columnSlice(exact, j, j + 1));
        // If two entries are nearly the largest, either may fix the sign; otherwise the rule does.
        if (!hasRival(columnSlice(exact, j, j + 1))) expect(dot, `sign of vector ${j}`).toBeGreaterThan(0);
      }
    }
  });
});

test.each(['right', 'left'] as const)('with a space of inputs, %s: the vectors of G − G S Sᵀ', async (side) => {
  const [out, inputs, tokens, rank] = [20, 24, 50, 4];
  const x = randomMatrix(tokens, inputs, 1);
  const { dy } = gradientOf(out, inputs, halves(12), tokens);
  const S = randomOrthonormal(inputs, 9, 7);
  const G = projectOutRight(multiply(transpose(dy), x), S);
  const width = side === 'right' ? inputs : out;
  const size = sketchSize(rank, out, inputs);
  const t = new GraphUnderTest(
    {
      x: { shape: [tokens, inputs], values: x.data },
      dy: { shape: [tokens, out], values: dy.data },
      P: {
        shape: [inputs, inputs],
        values: projectOutRight(diagonalMatrix(new Array<number>(inputs).fill(1)), S).data,
      },
      // From the vectors of an earlier refresh without a space.
      sketch: { shape: [size, width], values: transpose(randomOrthonormal(width, size, 9)).data },
    },
    (g, input) => {
      recordLeadingVectors(g, { x: input('x'), dy: input('dy'), outside: input('P') }, side, input('sketch'));
      return { sketch: input('sketch') };
    },
  );
  const exact = leadingSingularVectors(G, rank)[side];
  const V = columnsOf((await t.onDevice(device)).get('sketch') ?? new Float64Array(), width, rank);
  for (const cosine of principalAngles(V, exact)) expect(cosine).toBeGreaterThan(0.999);
  if (side === 'right') expect(energy(multiply(transpose(V), S))).toBeLessThan(1e-10);
});

test('the estimated share that a space of inputs removes is near the exact one', async () => {
  const [out, inputs, tokens, probes] = [20, 24, 50, 512];
  const x = randomMatrix(tokens, inputs, 1);
  const { dy } = gradientOf(out, inputs, halves(12), tokens);
  const S = randomOrthonormal(inputs, 9, 7);
  const P = projectOutRight(diagonalMatrix(new Array<number>(inputs).fill(1)), S);
  const signs = randomMatrix(probes, out, 3).data.map(Math.sign);
  const t = new GraphUnderTest(
    {
      x: { shape: [tokens, inputs], values: x.data },
      dy: { shape: [tokens, out], values: dy.data },
      P: { shape: [inputs, inputs], values: P.data },
      probes: { shape: [probes, out], values: signs },
      before: { shape: [2] },
      after: { shape: [2] },
    },
    (g, input) => {
      const energies = { before: input('before'), after: input('after'), index: 1 };
      recordShareEstimate(g, { x: input('x'), dy: input('dy'), outside: input('P') }, input('probes'), energies);
      return { before: input('before'), after: input('after') };
    },
  );
  const G = multiply(transpose(dy), x);
  const exact = [energy(G), energy(multiply(G, P))];
  // An estimate is off by √(2 / probes) of the energy if one direction has all of it.
  for (const found of [t.onCpu(), await t.onDevice(device)]) {
    const estimates = ['before', 'after'].map((name) => (found.get(name) ?? [])[1] / probes);
    for (const [i, estimate] of estimates.entries()) expect(Math.abs(estimate / exact[i] - 1)).toBeLessThan(0.2);
    expect(Math.abs(estimates[1] / estimates[0] - exact[1] / exact[0])).toBeLessThan(0.1);
  }
});

test('real gradients: from zero or the last batch, vectors hold at least 0.99 of the exact energy', async () => {
  const { network, read, batches } = await embeddedModel(device);
  const parameters = await Parameters.load(device, network.shapes, read);
  const owned: OwnedBuffer[] = [];
  const persistent = (name: string, shape: number[]): Tensor => {
    const tensor = storeTensor(device, plainTensor(name, shape), 'inputs');
    owned.push(tensor.storage.buffer);
    return tensor;
  };
  const valuesOf = async ({ storage, shape }: Tensor, rows = shape[0]): Promise<Matrix> => {
    if (!storage) throw new Error('not persistent');
    return matrix(rows, shape[1], new Float32Array(await device.read(storage), 0, rows * shape[1]));
  };
  const rank = 8;
  const places = new Map<string, { G: Tensor; sketch: Tensor }>();
  for (const batch of batches) {
    const g = new Graph();
    const training = network.batch(network.sizes(batch), owned);
    const cache = new Map<string, Tensor>();
    const parameter = (name: string): Tensor => {
      const trainable = T5_TARGETS.fullRank.test(name.replace(/\.weight$/, ''));
      const tensor = cache.get(name) ?? { ...parameters.tensor(name), trainable };
      cache.set(name, tensor);
      return tensor;
    };
    const loss = training.loss(g, {
      parameter,
      linear: (graph, name, x, addend) =>
        matmul(graph, x, parameter(`${name}.weight`), {
          layout: 'nt',
          addend,
          gradientOfB: (dy) => {
            const [inputs, out] = [x, dy].map(({ shape }) => shape.at(-1) ?? 1);
            const place = places.get(name) ?? {
              G: persistent(`gradient of ${name}`, [out, inputs]),
              sketch: persistent(`sketch of ${name}`, [sketchSize(rank, out, inputs), inputs]),
            };
            places.set(name, place);
            recordLeadingVectors(graph, { x, dy }, 'right', place.sketch);
            addInto(graph, matmul(graph, dy, x, { layout: 'tn' }), place.G, 1, 0);
            return undefined;
          },
        }),
    });
    g.backward(loss, network.one, sumGradients(g));
    const compiled = await compile(device, 'gradients', g, [loss]);
    training.write(batch);
    await device.run([compiled.program]);
    expect(places.size).toBeGreaterThan(0);
    for (const [name, { G, sketch }] of places) {
      const gradient = await valuesOf(G);
      const V = transpose(await valuesOf(sketch, rank));
      const exact = leadingSingularVectors(gradient, rank).right;
      const captured = energy(multiply(gradient, V)) / energy(multiply(gradient, exact));
      expect(captured, name).toBeGreaterThan(0.99);
    }
    compiled.destroy();
  }
  for (const buffer of owned) buffer.destroy();
  parameters.destroy();
  network.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
});

const energyProduct = (a: Matrix, b: Matrix): number => a.data.reduce((sum, v, i) => sum + v * b.data[i], 0);

/** Whether another entry is nearly as large as the largest and has the opposite sign. */
function hasRival({ data }: Matrix): boolean {
  const largest = data.reduce((max, v) => (Math.abs(v) > Math.abs(max) ? v : max), 0);
  return data.some((v) => v * largest < 0 && Math.abs(v) > 0.9 * Math.abs(largest));
}
