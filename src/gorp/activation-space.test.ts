import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gpu } from '../gpu/device.ts';
import { parseT5Config } from '../models/t5-config.ts';
import { T5Network } from '../models/t5-network.ts';
import { acquireTestGpu } from '../testing/gpu.ts';
import { largestDifference } from '../testing/matrices.ts';
import { tinyModel, tinySettings } from '../testing/tiny-run.ts';
import { Learner, type LearnerBatch } from './learner.ts';
import { type Matrix, multiplyTranspose } from './matrix.ts';
import { T5_TARGETS } from './method-groups.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await acquireTestGpu();
});
afterAll(() => gpu.destroy());

type Sample = LearnerBatch & { sizes: { B: number; S: number; T: number } };

const SOURCES = [
  [3, 4, 5, 1],
  [6, 7, 1],
];
const LABELS = [
  [9, 10, 1],
  [11, 1],
];

/** The two examples in a batch of a given size, padded with what must not matter. */
function batchOf(B: number, S: number, T: number, filling: number): Sample {
  const rows = <V>(fill: V, length: number, values: readonly (readonly V[])[]): V[] =>
    Array.from({ length: B }, (_, b) =>
      [...(values[b] ?? []), ...new Array<V>(length).fill(fill)].slice(0, length),
    ).flat();
  return {
    sizes: { B, S, T },
    sourceIds: rows(filling, S, SOURCES),
    sourceLengths: Array.from({ length: B }, (_, b) => SOURCES[b]?.length ?? 0),
    decoderInputIds: rows(
      0,
      T,
      LABELS.map((ids) => [0, ...ids.slice(0, -1)]),
    ),
    labelIds: rows(-100, T, LABELS),
  };
}

test('the activation space of a sample does not depend on how the sample is padded', async () => {
  const model = tinyModel();
  const network = new T5Network(gpu, parseT5Config(model.config), 32);
  const { method } = tinySettings('gorp-plus');
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
  const spacesOf = async (sample: Sample[]): Promise<Map<string, Matrix>> => {
    const learner = await Learner.create(gpu, network, method, T5_TARGETS, options, (name) => model.readTensor(name));
    await learner.beginTask();
    await learner.endTask(sample);
    const { spaces } = await learner.readTrained();
    learner.destroy();
    return spaces;
  };
  const tight = await spacesOf([batchOf(2, 4, 3, 0)]);
  const padded = await spacesOf([batchOf(4, 8, 5, 12)]);
  expect(tight.size).toBeGreaterThan(0);
  expect([...padded.keys()]).toEqual([...tight.keys()]);
  for (const [name, S] of tight) {
    const other = padded.get(name);
    if (!other) throw new Error(`There is no space of ${name}.`);
    expect(other.columns, name).toBe(S.columns);
    expect(largestDifference(multiplyTranspose(S, S), multiplyTranspose(other, other)), name).toBeLessThan(1e-3);
  }
  network.destroy();
  expect(gpu.buffers.liveLabels).toEqual([]);
});
