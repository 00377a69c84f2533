import * as v from 'valibot';
import type { Device } from '../device/device.ts';
import { type Speed, SpeedSchema } from '../run/duration.ts';
import { measureSpeed } from '../run/measure-speed.ts';
import { platformName } from './platform.ts';
import { cacheFile, fileStore } from './file-store.ts';

/**
 * The speed of a device, measured in a few hundred milliseconds: the highest of this and of earlier calls, which a file
 * holds. Other programs can only make a measurement too slow, and one on a busy machine must not stay.
 */
export async function deviceSpeed(
  device: Device,
  file = cacheFile('speeds.json'),
  measure: (device: Device) => Promise<Speed> = (one) => measureSpeed(one, () => performance.now()),
): Promise<Speed> {
  const store = fileStore(file);
  const { vendor, architecture, description } = device.facts;
  const name = [vendor, architecture, description, platformName()].join(' | ');
  const now = await measure(device);
  const before = v.safeParse(SpeedSchema, await store.read(name));
  const speed = before.success ? fasterOf(before.output, now) : now;
  await store.write(name, speed);
  return speed;
}

const fasterOf = (a: Speed, b: Speed): Speed => ({
  operationsPerSecond: Math.max(a.operationsPerSecond, b.operationsPerSecond),
  secondsPerKernel: Math.min(a.secondsPerKernel, b.secondsPerKernel),
});
