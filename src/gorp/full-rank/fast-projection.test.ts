import type { Batch } from '../../base/batch.ts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
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
import { type MethodName, type MethodSettings, methodPreset, planOf } from '../../methods/registry.ts';

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

/** The result of a learner after two tasks. */
interface Outcome {
  records: StepRecord[];
  /** Change of each full-rank weight since the start. */
  changes: Map<string, Matrix>;
  spaces: Map<string, Matrix>;
}

const WORDS = [
  [3, 4, 5, 6, 1],
  [7, 8, 3, 1],
  [5, 9, 10, 4, 1],
  [12, 3, 8, 6, 1],
];
const batchOf = (first: number): Batch => ({
  sizes: { B: 3, S: 6, T: 3 },
  rows: [0, 1, 2].map((i) => ({
    source: WORDS[(first + i) % WORDS.length],
    label: [9 + ((first + 2 * i) % 4), 10 + (i % 2), 1],
  })),
});
const STEPS = 7;

async function learnTwoTasks(
  name: MethodName,
  settings: Partial<MethodSettings>,
  gradientAccumulation = 1,
): Promise<Outcome> {
  const model = tinyModel();
  const network = new T5Network(device, parseT5Config(T5_TRAITS, model.config), 32);
  const method: MethodSettings = { ...tinySettings(name).method, loraDropout: 0, threshold: 0.7, ...settings };
  const options = { seed: 1, maxGradNorm: 0.05, gradientAccumulation };
  const core = await LearnerCore.load(device, network, planOf(method), T5_TARGETS, options, (one) =>
    model.readTensor(one),
  );
  const learner = new Learner(core);
  const before = (await readTrained(core)).weights;
  for (let task = 0; task < 2; task++) {
    const sample = [batchOf(2 * task), batchOf(2 * task + 1)];
    await learner.beginTask(sample);
    for (let step = 0; step < STEPS; step++) {
      const first = 2 * task + gradientAccumulation * step;
      await learner.step(Array.from({ length: gradientAccumulation }, (_, i) => batchOf(first + i)));
    }
    await learner.endTask({ sample: sample });
  }
  const records = await learner.takeRecords();
  const { weights, spaces } = await readTrained(core);
  learner.destroy();
  network.destroy();
  return { records, changes: differences(weights, before), spaces };
}

const found = (matrices: ReadonlyMap<string, Matrix>, name: string): Matrix => {
  const one = matrices.get(name);
  if (!one) throw new Error(`There is no ${name}.`);
  return one;
};
const differences = (now: ReadonlyMap<string, Matrix>, before: ReadonlyMap<string, Matrix>): Map<string, Matrix> =>
  new Map([...now].map(([name, W]) => [name, subtract(W, found(before, name))]));

/** ‖a − b‖ / ‖b‖. */
const distance = (a: Matrix, b: Matrix): number => Math.sqrt(energy(subtract(a, b)) / energy(b));

/** The largest difference between the losses of two trajectories, as a share of the loss. */
function lossDistance(a: Outcome, b: Outcome): number {
  expect(a.records).toHaveLength(b.records.length);
  return Math.max(...a.records.map(({ loss }, i) => Math.abs(loss / b.records[i].loss - 1)));
}

describe('over two tasks, fast and exact projections agree', () => {
  test.each([
    ['gorp', 'std', {}],
    ['gorp', 'left', { spaceSide: 'left' }],
    ['gorp', 'full', { project: 'update' }],
    ['gorp-plus', 'std', {}],
    ['gorp-plus', 'left', {}],
    ['gorp-plus', 'full', {}],
    ['galore', 'right', { galoreScale: 0.5 }],
  ] as const)('%s, %s, %o', async (name, projType, settings) => {
    const exact = await learnTwoTasks(name, { projType, ...settings, projection: 'exact' });
    const fast = await learnTwoTasks(name, { projType, ...settings, projection: 'fast', clipNorm: 'exact' });
    expect(lossDistance(fast, exact)).toBeLessThan(0.01);
    for (const [i, { gradientNorm }] of fast.records.entries()) {
      expect(Math.abs(gradientNorm / exact.records[i].gradientNorm - 1), `norm of step ${i}`).toBeLessThan(0.03);
    }
    for (const [layer, change] of exact.changes) {
      expect(energy(change)).toBeGreaterThan(0);
      expect(distance(found(fast.changes, layer), change), layer).toBeLessThan(0.25);
    }
  });
});

test('a space of inputs holds no part of the second task’s change, whatever the side', async () => {
  for (const projType of ['right', 'left', 'full'] as const) {
    const model = tinyModel();
    const network = new T5Network(device, parseT5Config(T5_TRAITS, model.config), 32);
    const method = { ...tinySettings('gorp-plus').method, projType, threshold: 0.7, softness: 0 };
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

test('at a refresh, the estimated share that a space of inputs removes is near the exact one', async () => {
  const shares: Map<string, number>[] = [];
  for (const projection of ['exact', 'fast'] as const) {
    const { records } = await learnTwoTasks('gorp-plus', { projection, updateProjGap: 1 });
    const first = records[STEPS].layers.filter(({ part }) => part === 'full-rank');
    shares.push(new Map(first.map(({ name, projectedAway }) => [name, projectedAway ?? -1])));
  }
  const [exact, fast] = shares;
  expect([...fast.keys()]).toEqual([...exact.keys()]);
  expect(exact.size).toBeGreaterThan(0);
  for (const [name, share] of exact) expect(Math.abs((fast.get(name) ?? -1) - share), name).toBeLessThan(0.15);
});

test('with gradient accumulation the basis comes from the first micro-batch, and training continues', async () => {
  const fast = await learnTwoTasks('gorp', {}, 2);
  const exact = await learnTwoTasks('gorp', { projection: 'exact' }, 2);
  expect(lossDistance(fast, exact)).toBeLessThan(0.1);
  for (const change of fast.changes.values()) expect(energy(change)).toBeGreaterThan(0);
});

test('on the embedded model fast and exact projections agree, with either norm', async () => {
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
  const exact = await learn({ projection: 'exact' });
  const fast = await learn({ clipNorm: 'exact' });
  const projected = await learn({});
  expect(exact[4].loss).toBeLessThan(exact[0].loss); // the same batch
  exact.forEach(({ loss, gradientNorm }, i) => {
    expect(Math.abs(fast[i].loss / loss - 1), `loss of step ${i}`).toBeLessThan(0.02);
    expect(Math.abs(projected[i].loss / loss - 1), `loss of step ${i}, projected norm`).toBeLessThan(0.05);
    // The compressed gradient has most of the norm, so the trajectories differ a little.
    const norms = projected[i].gradientNorm / fast[i].gradientNorm;
    expect(norms).toBeGreaterThan(0.6);
    expect(norms).toBeLessThan(1.05);
    expect(Math.abs(fast[i].gradientNorm / gradientNorm - 1), `norm of step ${i}`).toBeLessThan(0.05);
  });
  network.destroy();
});
