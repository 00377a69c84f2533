import { readFile } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../device/device.ts';
import type { Speed } from '../run/planning/duration.ts';
import { highestSpeed, measureSpeed } from '../run/planning/measure-speed.ts';
import { writeDurably } from './durable-write.ts';

/** The platform of a measurement. It names the CPU, since software drivers report only its register width. */
export const platformName = (): string => [`Node ${process.versions.node}`, cpus().at(0)?.model ?? 'CPU'].join(' on ');

/** A file or folder in the user's cache folder. Empty variables count as unset. */
export const cacheFile = (name: string, env: Readonly<Record<string, string | undefined>> = process.env): string =>
  join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'gorp-web', name);

/** A file of measurements, by device. */
interface FileStore {
  read(device: string): Promise<unknown>;
  write(device: string, value: object): Promise<void>;
}

/** Values in one JSON file. Without a readable file everything is measured again. */
export function fileStore(file: string): FileStore {
  const readAll = async (): Promise<Record<string, unknown>> => {
    try {
      const value: unknown = JSON.parse(await readFile(file, 'utf8'));
      return typeof value === 'object' && value !== null ? { ...value } : {};
    } catch {
      return {};
    }
  };
  return {
    read: async (device) => (await readAll())[device],
    write: async (device, value) => {
      const text = JSON.stringify({ ...(await readAll()), [device]: value }, null, 2);
      try {
        // Processes on this and other machines may read and write at the same time: they see the old file or the new
        // one.
        await writeDurably(file, text);
      } catch {
        // The folder cannot be written to: the next start measures again.
      }
    },
  };
}

/** The speed of a device, measured in a moment: the highest on this machine, which a file holds. */
export function deviceSpeed(device: Device): Promise<Speed> {
  const { vendor, architecture, description } = device.facts;
  const name = [vendor, architecture, description, platformName()].join(' | ');
  return highestSpeed(fileStore(cacheFile('speeds.json')), name, () => measureSpeed(device, () => performance.now()));
}
