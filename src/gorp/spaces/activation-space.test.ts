import type { Batch } from '../../base/batch.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { parseT5Config, T5_TRAITS } from '../../models/t5-config.ts';
import { T5Network } from '../../models/t5-network.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { largestDifference } from '../../testing/matrices.ts';
import { planOf } from '../../methods/registry.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { readTrained } from '../../testing/trained.ts';
import { Learner } from '../learner.ts';
import { LearnerCore } from '../learner/core.ts';
import type { Matrix } from '../../linear-algebra/matrix.ts';
import { T5_TARGETS } from '../../models/targets.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

const WATCHED: Batch = [
  { source: [3, 4, 5, 1], label: [9, 10, 1] },
  { source: [6, 7, 1], label: [11, 1] },
];

test('what watched tasks use is protected from the first task on', async () => {
  const model = tinyModel();
  const network = new T5Network(device, parseT5Config(T5_TRAITS, model.config), 32);
  const { method } = tinySettings('gorp-plus', {}, { softness: 0.001, loraDropout: 0, taskRates: 'constant' });
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
  const learned: Batch = [{ source: [12, 13, 1], label: [14, 1] }];
  /** Losses of the first and last of some steps on the task, and then of the watched one. */
  const lossesOf = async (steps: number, isProtected: boolean): Promise<number[]> => {
    const learner = await Learner.create(device, network, planOf(method), T5_TARGETS, options, (name) =>
      model.readTensor(name),
    );
    if (isProtected) {
      await learner.protect([WATCHED]);
      await learner.protect([WATCHED]); // as a learner that resumes is asked again
    }
    await learner.beginTask([learned]);
    for (let step = 0; step < steps; step++) await learner.step([learned]);
    await learner.step([WATCHED]);
    const losses = (await learner.takeRecords()).map(({ loss }) => loss);
    learner.destroy();
    return losses;
  };
  const [before] = await lossesOf(0, false);
  const change = async (isProtected: boolean): Promise<number> => {
    const losses = await lossesOf(8, isProtected);
    expect(losses[7]).toBeLessThan(losses[0] - 0.1);
    return Math.abs(losses[8] - before);
  };
  const [free, kept] = [await change(false), await change(true)];
  expect(free).toBeGreaterThan(0.01);
  expect(kept).toBeLessThan(free / 10);
  network.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
});

test('the activation space of a sample does not depend on its batches', async () => {
  const model = tinyModel();
  const network = new T5Network(device, parseT5Config(T5_TRAITS, model.config), 32);
  const { method } = tinySettings('gorp-plus');
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
  const spacesOf = async (sample: Batch[]): Promise<Map<string, Matrix>> => {
    const core = await LearnerCore.load(device, network, planOf(method), T5_TARGETS, options, (name) =>
      model.readTensor(name),
    );
    const learner = new Learner(core);
    await learner.beginTask();
    await learner.endTask({ sample: sample });
    const { spaces } = await readTrained(core);
    learner.destroy();
    return spaces;
  };
  const tight = await spacesOf([WATCHED]);
  const padded = await spacesOf(WATCHED.map((row) => [row]));
  expect(tight.size).toBeGreaterThan(0);
  expect([...padded.keys()]).toEqual([...tight.keys()]);
  for (const [name, S] of tight) {
    const other = padded.get(name);
    if (!other) throw new Error(`There is no space of ${name}.`);
    expect(largestDifference(S, other), name).toBeLessThan(1e-3);
  }
  network.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
});
