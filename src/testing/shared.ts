import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = resolve(projectRoot, process.env['GORP_SHARED'] ?? '../shared');

/** Whether the reference data is at hand. On CI it must be: its absence there is a failure, not a skip. */
export const hasShared = existsSync(join(folder, 'golden'));

if (!hasShared) {
  const message = `No reference data at GORP_SHARED (default ../shared): tests against it cannot run.`;
  if (process.env['CI'] === 'true') throw new Error(message);
  console.warn(`${message} They are skipped.`);
}

/** Path of a file of the reference data. */
export const sharedPath = (...parts: string[]): string => join(folder, ...parts);
