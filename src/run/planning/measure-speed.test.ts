import { expect, test } from 'vitest';
import { countingDevice } from '../../device/counting-device.ts';
import type { Speed } from './duration.ts';
import { measureSpeed } from './measure-speed.ts';

const GIB = 2 ** 30;

/** Measures a device that computes nothing and takes exactly as long as `speed` says, by a clock of whole `stepMs`. */
async function measured(speed: Speed, stepMs = 0) {
  const counting = countingDevice({ kind: 'wasm', limits: { buffer: GIB, total: GIB } });
  let [ms, largest] = [0, 0];
  const device: typeof counting = {
    ...counting,
    run: (programs) => {
      for (const { operations, kernels } of programs.map((program) => counting.workOf(program))) {
        ms += 1000 * (operations / speed.operationsPerSecond + kernels * speed.secondsPerKernel);
        largest = Math.max(largest, operations);
      }
      return Promise.resolve();
    },
    read: () => Promise.resolve(new ArrayBuffer(16)),
  };
  const found = await measureSpeed(device, () => (stepMs > 0 ? Math.floor(ms / stepMs) * stepMs : ms));
  return { found, ms, largest, left: [...counting.buffers.liveLabels] };
}

const PROCESSOR: Speed = { operationsPerSecond: 3e10, secondsPerKernel: 2e-7 };
const CARD: Speed = { operationsPerSecond: 1e13, secondsPerKernel: 5e-6 };

test.each([PROCESSOR, CARD])('the speed of a device is found in a fifth of a second: %o', async (speed) => {
  const { found, ms, left } = await measured(speed);
  expect(found.operationsPerSecond / speed.operationsPerSecond).toBeCloseTo(1, 3);
  // The smallest kernels compute something too.
  expect(found.secondsPerKernel / speed.secondsPerKernel).toBeCloseTo(1, 0);
  expect(ms).toBeLessThan(200);
  expect(left).toEqual([]);
});

test.each([PROCESSOR, CARD])('with a clock of whole milliseconds it is close: %o', async (speed) => {
  const { found } = await measured(speed, 1);
  for (const part of ['operationsPerSecond', 'secondsPerKernel'] as const)
    expect(Math.abs(Math.log(found[part] / speed[part])), part).toBeLessThan(0.25);
});

test('a quick device is measured on more tokens, with which it is busy', async () => {
  const [slow, quick] = [await measured(PROCESSOR), await measured(CARD)];
  expect(quick.largest / slow.largest).toBeCloseTo(4, 1);
});
