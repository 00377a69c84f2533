import { statSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { noSafetensors } from '../weights/hub.ts';
import type { ByteFile } from '../weights/model-files.ts';
import { missingFile, type ModelFolder, type PeekedFile } from '../weights/model-folder.ts';
import { asArgument } from './arguments.ts';

/** A model folder on disk, read in place; its files are never removed. */
export class DiskFolder implements ModelFolder {
  readonly #files: ReadonlySet<string>;
  readonly commit = null;
  readonly fromCache = true;

  private constructor(
    readonly name: string,
    files: ReadonlySet<string>,
  ) {
    this.#files = files;
  }

  /** @throws GorpError `run/unreadable-file`. */
  static async open(path: string): Promise<DiskFolder> {
    const names = await readdir(path).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    return new DiskFolder(path, new Set(names));
  }

  async file(name: string, maxBytes = Infinity): Promise<ByteFile> {
    if (!this.#files.has(name)) throw missingFile(this.name, name);
    const path = join(this.name, name);
    const { size } = await stat(path).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    if (size > maxBytes) {
      throw new GorpError(
        'weights/too-large',
        `${path} takes ${formatBytes(size)}; the limit for this file is ${formatBytes(maxBytes)}.`,
        'Name a model folder with Hugging Face files.',
      );
    }
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

  async peek(name: string): Promise<PeekedFile> {
    return { ...(await this.file(name)), isWhole: true };
  }

  async optionalFile(name: string, maxBytes: number): Promise<ByteFile | null> {
    return this.#files.has(name) ? this.file(name, maxBytes) : null;
  }

  has(name: string): Promise<boolean> {
    return Promise.resolve(this.#files.has(name));
  }

  expectWeights(weights: readonly string[]): Promise<void> {
    const names = [...this.#files];
    if (weights.every((name) => this.#files.has(name))) return Promise.resolve();
    if (names.some((name) => /^model\.safetensors(?:\.index\.json)?$/.test(name))) return Promise.resolve();
    return Promise.reject(
      noSafetensors(
        this.name,
        names.filter((name) => name.endsWith('.bin')),
      ),
    );
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }
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
