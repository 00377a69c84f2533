import { statSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { noSafetensors } from '../weights/hub.ts';
import type { ByteFile } from '../weights/model-files.ts';
import { LocalFolder } from '../weights/model-folder.ts';
import { asArgument } from './arguments.ts';

/** A model folder on disk, read in place; its files are never removed. */
export class DiskFolder extends LocalFolder {
  /** @throws GorpError `run/unreadable-file`. */
  static async open(path: string): Promise<DiskFolder> {
    const names = await readdir(path).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    const find = (name: string): Promise<ByteFile | null> =>
      names.includes(name) ? fileOnDisk(join(path, name), name) : Promise.resolve(null);
    return new DiskFolder(path, find, (weights) => {
      if (weights.every((name) => names.includes(name))) return;
      if (names.some((name) => /^model\.safetensors(?:\.index\.json)?$/.test(name))) return;
      throw noSafetensors(
        path,
        names.filter((name) => name.endsWith('.bin')),
      );
    });
  }
}

async function fileOnDisk(path: string, name: string): Promise<ByteFile> {
  const { size } = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const read = async (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    const handle = await open(path).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    try {
      const bytes = new Uint8Array(end - begin);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, begin);
      if (bytesRead < bytes.length) throw unreadable(path, new Error('it shrank while it was read'));
      return bytes;
    } finally {
      await handle.close();
    }
  };
  return { name, bytes: size, read, discard: () => Promise.resolve() };
}

/** Advises to check a path that is not there, with the command that lists the nearest folder on the way to it. */
export function seeNear(path: string): string {
  let folder = resolve(path);
  while (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true && folder !== dirname(folder))
    folder = dirname(folder);
  return `Check the path. To see what is there:\n  ${process.platform === 'win32' ? 'dir' : 'ls'} ${asArgument(folder)}`;
}

const unreadable = (path: string, cause: unknown): GorpError =>
  new GorpError(
    'run/unreadable-file',
    `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    seeNear(path),
    { cause },
  );
