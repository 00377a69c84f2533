import * as v from 'valibot';
import type { Device } from '../device/device.ts';
import { type Speed, SpeedSchema } from '../run/duration.ts';
import { measureSpeed } from '../run/measure-speed.ts';
import { platformName } from './platform.ts';
import { cacheFile, fileStore } from './file-store.ts';

/** The speed of a device, measured once per machine (a few hundred milliseconds) and saved in a file. */
export async function deviceSpeed(device: Device, file = cacheFile('speeds.json')): Promise<Speed> {
  const store = fileStore(file);
  const { vendor, architecture, description } = device.facts;
  const name = [vendor, architecture, description, platformName()].join(' | ');
  const known = v.safeParse(SpeedSchema, await store.read(name));
  if (known.success) return known.output;
  const speed = await measureSpeed(device, () => performance.now());
  await store.write(name, speed);
  return speed;
}
