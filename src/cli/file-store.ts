import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { writeDurably } from './durable-write.ts';

/** A file in the user's cache folder. */
export const cacheFile = (name: string): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gorp-web', name);

/** What was measured, by device. */
export interface FileStore {
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
