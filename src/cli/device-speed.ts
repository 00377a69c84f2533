import type { Device } from '../device/device.ts';
import type { Speed } from '../run/planning/duration.ts';
import { highestSpeed } from '../run/planning/highest-speed.ts';
import { measureSpeed } from '../run/planning/measure-speed.ts';
import { platformName } from './platform.ts';
import { cacheFile, fileStore } from './file-store.ts';

/** The speed of a device, measured in a moment: the highest on this machine, which a file holds. */
export function deviceSpeed(device: Device, file = cacheFile('speeds.json')): Promise<Speed> {
  const { vendor, architecture, description } = device.facts;
  const name = [vendor, architecture, description, platformName()].join(' | ');
  return highestSpeed(fileStore(file), name, () => measureSpeed(device, () => performance.now()));
}
