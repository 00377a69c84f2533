import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, globals } from 'webgpu';
import { GorpError } from '../base/errors.ts';
import { acquireGpu, type Gpu } from '../gpu/device.ts';
import type { RunHost } from '../run/host.ts';
import { openModelFolder } from '../weights/model-folder.ts';
import { DiskFolder } from './disk-folder.ts';

Object.assign(globalThis, globals);
// Kept for the life of the process: Dawn crashes when its instance is collected before its devices.
let dawn: GPU | undefined;

/** A GPU device of Dawn in Node. @throws GorpError as {@link acquireGpu}. */
export function acquireNodeGpu(): Promise<Gpu> {
  dawn ??= create([]);
  return acquireGpu(dawn);
}

/** What a run needs, in Node: Dawn, folders on disk. */
export function nodeHost(
  folders: { model: string; tasks: string },
  code: RunHost['code'],
  emit: RunHost['emit'],
): RunHost {
  return {
    acquireGpu: acquireNodeGpu,
    openModel: async () => openModelFolder(await DiskFolder.open(folders.model)),
    ownTask: () => Promise.resolve(undefined),
    taskReader: () => (path) => readText(join(folders.tasks, path)),
    emit,
    now: () => performance.now(),
    code,
  };
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw missing(path, cause);
  });
}

const missing = (path: string, cause: unknown): GorpError =>
  new GorpError('run/unreadable-file', `${path} cannot be read.`, 'Check the path.', { cause });
