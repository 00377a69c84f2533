import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, globals } from 'webgpu';
import { GorpError } from '../base/errors.ts';
import { acquireGpu, type Gpu } from '../gpu/device.ts';
import type { RunHost } from '../run/host.ts';
import { type ByteFile, openTensors } from '../weights/model-files.ts';
import type { ModelFiles } from '../weights/source.ts';

Object.assign(globalThis, globals);
// Kept for the life of the process: Dawn crashes when its instance is collected before its devices.
let dawn: GPU | undefined;

/** A GPU device of Dawn in Node. @throws GorpError as {@link acquireGpu}. */
export function acquireNodeGpu(): Promise<Gpu> {
  dawn ??= create([]);
  return acquireGpu(dawn);
}

/** Opens a model in a folder on disk; its weights file stays open for the life of the process. */
export async function openModelFolder(folder: string): Promise<ModelFiles> {
  const json = async (name: string): Promise<unknown> => JSON.parse(await readText(join(folder, name)));
  const path = join(folder, 'model.safetensors');
  const handle = await open(path).catch((cause: unknown) => {
    throw missing(path, cause);
  });
  const tensors = await openTensors([await byteFile(handle)]);
  return {
    config: await json('config.json'),
    tokenizer: await json('tokenizer.json'),
    tokenizerConfig: await json('tokenizer_config.json'),
    generationConfig: null,
    ...tensors,
    fromCache: true,
    discard: () => Promise.resolve(),
  };
}

/** What a run needs, in Node: Dawn, folders on disk. */
export function nodeHost(
  folders: { model: string; tasks: string },
  code: RunHost['code'],
  emit: RunHost['emit'],
): RunHost {
  return {
    acquireGpu: acquireNodeGpu,
    openModel: () => openModelFolder(folders.model),
    taskReader: () => (path) => readText(join(folders.tasks, path)),
    emit,
    now: () => performance.now(),
    code,
  };
}

/** The weights as a file that is read in parts. A file on disk is the user's own: it is never removed. */
async function byteFile(handle: FileHandle): Promise<ByteFile> {
  const { size } = await handle.stat();
  return {
    name: 'model.safetensors',
    bytes: size,
    read: async (begin, end) => {
      const bytes = new Uint8Array(end - begin);
      await handle.read(bytes, 0, bytes.length, begin);
      return bytes;
    },
    discard: () => Promise.resolve(),
  };
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw missing(path, cause);
  });
}

const missing = (path: string, cause: unknown): GorpError =>
  new GorpError('run/unreadable-file', `${path} cannot be read.`, 'Check the path.', { cause });
