import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TuningStore } from '../device/webgpu/tune.ts';

/** Where choices lie by default: in the user's cache folder. */
const DEFAULT_FILE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gorp-web', 'tuning.json');

/** Kernel choices in one JSON file, by device. Without a readable file everything is measured anew. */
export function fileTuningStore(file = DEFAULT_FILE): TuningStore {
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
    write: async (device, choices) => {
      const text = JSON.stringify({ ...(await readAll()), [device]: choices }, null, 2);
      try {
        await mkdir(dirname(file), { recursive: true });
        // Another process may read meanwhile: it sees the old file or the new one.
        await writeFile(`${file}.${process.pid}`, text);
        await rename(`${file}.${process.pid}`, file);
      } catch {
        // A folder that cannot be written to: the next start measures again.
      }
    },
  };
}
