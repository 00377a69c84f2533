import { expect, test } from 'vitest';
import { mixSeed, seededRandom } from '../base/random.ts';
import { Learner } from '../gorp/learner.ts';
import { methodPreset, planOf } from '../methods/registry.ts';
import { sizeOf } from '../graph/tensor.ts';
import { acquirePacedGpu } from '../testing/devices.ts';
import { timeSubmits } from '../device/webgpu/device-timer.ts';
import { networkOf } from './models/open-network.ts';
import { embeddedSettings } from './planning/presets.ts';

/** Shapes of google-t5/t5-large, with fewer layers, to fit a small machine. */
const T5_LARGE = {
  model_type: 't5',
  vocab_size: 32128,
  d_model: 1024,
  d_kv: 64,
  d_ff: 4096,
  num_layers: 3,
  num_decoder_layers: 3,
  num_heads: 16,
};
const SOURCE = 32;
/** Maximum milliseconds of a submit: Windows drivers reset the device after two seconds. */
const MOST = 1000;

test('submits a step of t5-large in slices of less than a second each, also the first time', async () => {
  // A software driver compiles a kernel in its first submit, and caches it for other devices.
  await trainTwoSteps();
  const times = await trainTwoSteps();
  console.log(`${times.length} submits, the longest of ${Math.max(...times).toFixed(0)} ms`);
  expect(times.length).toBeGreaterThan(10);
  expect(Math.max(...times)).toBeLessThan(MOST);
});

/** Takes two steps on a new device. @returns the times of its submits. */
async function trainTwoSteps(): Promise<number[]> {
  const device = await acquirePacedGpu();
  const { training } = embeddedSettings('quick', 'gorp');
  const sizes = { ...training, sourceLength: SOURCE, targetLength: 8, batchSize: 1 };
  const { network, targets } = networkOf(device, T5_LARGE, sizes);
  const { shapes } = network;
  const read = (name: string): Promise<Float32Array> => {
    const size = sizeOf(shapes.get(name) ?? []);
    const random = seededRandom(mixSeed(1, name));
    const bound = 1 / Math.sqrt(T5_LARGE.d_model);
    return Promise.resolve(Float32Array.from({ length: size }, () => bound * (2 * random.next() - 1)));
  };
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, recompute: false, packing: () => undefined };
  const learner = await Learner.create(device, network, planOf(methodPreset('gorp')), targets, options, read);
  await learner.beginTask();
  const times = timeSubmits(device.gpu.device.queue);
  const batch = [{ source: range(SOURCE), label: range(8) }];
  for (let step = 0; step < 2; step++) await learner.step([batch]);
  const losses = (await learner.takeRecords()).map(({ loss }) => loss);
  expect(losses.every(Number.isFinite)).toBe(true);
  const all = await times();
  learner.destroy();
  network.destroy();
  await device.destroy();
  return all;
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => 3 + i);
