import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { countingDevice } from '../device/counting-device.ts';
import type { Speed } from '../run/duration.ts';
import { deviceSpeed } from './device-speed.ts';

test('a speed measured on a busy machine is replaced by a higher one, and no speed by a lower one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gorp-speed-'));
  const device = countingDevice({ kind: 'wasm', limits: { buffer: 1e9, total: 1e9 } });
  const after = (measured: Speed): Promise<Speed> =>
    deviceSpeed(device, join(folder, 'speeds.json'), () => Promise.resolve(measured));
  try {
    const busy = { operationsPerSecond: 1e9, secondsPerKernel: 1e-4 };
    const quiet = { operationsPerSecond: 9e10, secondsPerKernel: 3e-6 };
    expect(await after(busy)).toEqual(busy);
    expect(await after(quiet)).toEqual(quiet);
    expect(await after(busy)).toEqual(quiet);
    expect(await after({ ...busy, secondsPerKernel: 1e-6 })).toEqual({ ...quiet, secondsPerKernel: 1e-6 });
  } finally {
    await rm(folder, { recursive: true });
  }
});
