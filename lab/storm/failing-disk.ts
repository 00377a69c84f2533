import { createRequire, syncBuiltinESMExports } from 'node:module';
import type * as FsPromises from 'node:fs/promises';

const fs = createRequire(import.meta.url)('node:fs/promises') as typeof FsPromises;

/** A disk that is full at one write; {@link full} sets which one, from 1, and whether it stays full. */
export class FailingDisk {
  #writes = 0;
  #full = { at: Infinity, stays: false };
  readonly #sound = { open: fs.open, rename: fs.rename, mkdir: fs.mkdir, writeFile: fs.writeFile };

  /** Writes since the last call of {@link full}. */
  get writes(): number {
    return this.#writes;
  }

  full(at: number, stays: boolean): void {
    this.#writes = 0;
    this.#full = { at, stays };
  }

  /** Replaces the functions of Node that write, in the whole process. */
  install(): void {
    const { open, rename, mkdir, writeFile } = this.#sound;
    const failing =
      <Args extends unknown[], T>(work: (...args: Args) => Promise<T>) =>
      (...args: Args): Promise<T> =>
        this.#fails() ? Promise.reject(noSpace()) : work(...args);
    fs.rename = failing(rename);
    fs.mkdir = failing(mkdir) as typeof mkdir;
    fs.writeFile = failing(writeFile);
    fs.open = async (path, flags, mode) => {
      if (flags === undefined || flags === 'r') return open(path, flags, mode);
      if (this.#fails()) throw noSpace();
      const file = await open(path, flags, mode);
      file.writeFile = failing(file.writeFile.bind(file));
      file.sync = failing(file.sync.bind(file));
      return file;
    };
    syncBuiltinESMExports();
  }

  remove(): void {
    Object.assign(fs, this.#sound);
    syncBuiltinESMExports();
  }

  #fails(): boolean {
    this.#writes++;
    return this.#writes === this.#full.at || (this.#full.stays && this.#writes > this.#full.at);
  }
}

const noSpace = (): Error => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
