import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Batch } from '../../base/batch.ts';
import type { Device } from '../../device/device.ts';
import { planOf } from '../../methods/registry.ts';
import { parseT5Config, T5_TRAITS } from '../../models/t5-config.ts';
import { T5Network } from '../../models/t5-network.ts';
import { T5_TARGETS } from '../../models/targets.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { LearnerCore } from '../learner/core.ts';
import { InputCovariances } from './covariances.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

const SOURCES = [
  [3, 4, 5, 1],
  [6, 7, 1],
  [8, 1],
];
const LABELS = [[9, 10, 1], [11, 1], [12, 4, 1], [1], [5, 6, 1], [7, 1]];
/** Each source with two labels of its own. */
const ROWS = LABELS.map((label, i) => ({ source: SOURCES[Math.floor(i / 2)], label }));

test('a source with several answers counts once, and each answer as if its source were read for it', async () => {
  const model = tinyModel();
  const network = new T5Network(device, parseT5Config(T5_TRAITS, model.config), 32);
  const { method } = tinySettings('gorp-plus');
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
  const core = await LearnerCore.load(device, network, planOf(method), T5_TARGETS, options, (name) =>
    model.readTensor(name),
  );
  const sumsOf = async (batches: readonly Batch[]): Promise<Map<string, Float32Array>> => {
    const sums = new InputCovariances(device, network, core.model);
    await sums.prepare(batches.map((rows) => network.sizes(rows)));
    for (const rows of batches) await sums.add(rows);
    const read = new Map<string, Float32Array>();
    for (const { tensor, names } of sums.sums) {
      const { buffer, offset } = tensor.storage;
      read.set(names[0], new Float32Array(await device.read({ buffer, offset, bytes: tensor.elements * 4 })));
    }
    sums.destroy();
    return read;
  };
  const once = await sumsOf([ROWS]);
  const again = await sumsOf(ROWS.map((row) => [row]));
  expect([...once.keys()]).toEqual([...again.keys()]);
  expect([...once.keys()].some((name) => name.startsWith('decoder.'))).toBe(true);
  for (const [name, C] of once) {
    const wanted = again.get(name) ?? new Float32Array();
    const times = name.startsWith('encoder.') || /EncDecAttention\.[kv]$/.test(name) ? 2 : 1;
    const scale = Math.max(...wanted.map(Math.abs));
    const worst = C.reduce((most, value, i) => Math.max(most, Math.abs(times * value - wanted[i])), 0);
    expect(worst / scale, name).toBeLessThan(1e-5);
  }
  core.destroy();
  network.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
});
