import type { Batch } from '../../base/batch.ts';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { parseT5Config, T5_TRAITS } from '../../models/t5-config.ts';
import { T5Network } from '../../models/t5-network.ts';
import { embeddedModel } from '../../testing/embedded-model.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { readTrained } from '../../testing/trained.ts';
import { Learner, type StepRecord } from '../learner.ts';
import { LearnerCore } from '../learner/core.ts';
import { energy, type Matrix, multiply, subtract } from '../../linear-algebra/matrix.ts';
import { T5_TARGETS } from '../../models/targets.ts';
import { type MethodSettings, methodPreset, planOf } from '../../methods/registry.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterEach(() => {
  const { liveLabels } = device.buffers;
  device.buffers.destroyAll();
  expect(liveLabels).toEqual([]);
});
afterAll(() => device.destroy());

const WORDS = [
  [3, 4, 5, 6, 1],
  [7, 8, 3, 1],
  [5, 9, 10, 4, 1],
  [12, 3, 8, 6, 1],
];
const batchOf = (first: number): Batch =>
  [0, 1, 2].map((i) => ({
    source: WORDS[(first + i) % WORDS.length],
    label: [9 + ((first + 2 * i) % 4), 10 + (i % 2), 1],
  }));
const STEPS = 7;

const found = (matrices: ReadonlyMap<string, Matrix>, name: string): Matrix => {
  const one = matrices.get(name);
  if (!one) throw new Error(`There is no ${name}.`);
  return one;
};
const differences = (now: ReadonlyMap<string, Matrix>, before: ReadonlyMap<string, Matrix>): Map<string, Matrix> =>
  new Map([...now].map(([name, W]) => [name, subtract(W, found(before, name))]));

test('a space of inputs holds no part of the second task’s change, whatever the side', async () => {
  // Weights of the cross-attention are square, and with wider inputs than outputs wide: {@link basisSide}.
  for (const d_kv of [8, 4]) {
    const model = tinyModel({ d_kv });
    const network = new T5Network(device, parseT5Config(T5_TRAITS, model.config), 32);
    const method = { ...tinySettings('gorp-plus').method, threshold: 0.7, softness: 0 };
    const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
    const core = await LearnerCore.load(device, network, planOf(method), T5_TARGETS, options, (one) =>
      model.readTensor(one),
    );
    const learner = new Learner(core);
    await learner.beginTask();
    await learner.step([batchOf(0)]);
    await learner.endTask({ sample: [batchOf(0)] });
    const { weights: before, spaces } = await readTrained(core);
    await learner.beginTask([batchOf(1)]);
    for (let step = 0; step < STEPS; step++) await learner.step([batchOf(step)]);
    const records = await learner.takeRecords();
    await learner.endTask({ sample: [batchOf(1)] }); // so that the weights have the whole change
    const { weights } = await readTrained(core);
    for (const [layer, change] of differences(weights, before)) {
      const S = found(spaces, layer);
      expect(S.columns).toBeGreaterThan(0);
      expect(energy(change)).toBeGreaterThan(0);
      expect(Math.sqrt(energy(multiply(change, S)) / energy(change)), layer).toBeLessThan(1e-4);
      const { projectedAway, leakage } = records.at(-1)?.layers.find((one) => one.name === layer) ?? {};
      expect(projectedAway, layer).toBeGreaterThan(0);
      expect(projectedAway, layer).toBeLessThanOrEqual(1);
      expect(leakage, layer).toBeLessThan(1e-6);
    }
    learner.destroy();
    network.destroy();
  }
});

test('on the embedded model losses fall, with either norm', async () => {
  const { network, read, batches } = await embeddedModel(device);
  const learn = async (settings: Partial<MethodSettings>): Promise<StepRecord[]> => {
    const preset = methodPreset('gorp');
    const method = { ...preset, learningRate: 3e-3, galoreLearningRate: 3e-3, loraDropout: 0, updateProjGap: 3 };
    const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
    const learner = await Learner.create(
      device,
      network,
      planOf({ ...method, ...settings }),
      T5_TARGETS,
      options,
      read,
    );
    await learner.beginTask();
    for (let step = 0; step < 6; step++) await learner.step([batches[step % 2]]);
    const records = await learner.takeRecords();
    learner.destroy();
    return records;
  };
  const exact = await learn({ clipNorm: 'exact' });
  const projected = await learn({});
  expect(exact[4].loss).toBeLessThan(exact[0].loss); // the same batch
  exact.forEach(({ loss, gradientNorm }, i) => {
    expect(Math.abs(projected[i].loss / loss - 1), `loss of step ${i}, projected norm`).toBeLessThan(0.05);
    // The compressed gradient has most of the norm, so the trajectories differ a little.
    const norms = projected[i].gradientNorm / gradientNorm;
    expect(norms).toBeGreaterThan(0.6);
    expect(norms).toBeLessThan(1.05);
  });
  network.destroy();
});
