import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { GorpError } from '../base/errors.ts';
import type { KeyValue } from '../weights/key-value.ts';
import { FileLock } from './file-lock.ts';

const RETRY_MS = 200;

/** A draft untouched this long was left by a dead process: a chunk is written in moments. */
const ABANDONED_MS = 3_600_000;

async function removeOldDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => /\.(draft|partial)$/.test(name));
  if (drafts.length === 0) return;
  const now = await timeOf(folder);
  for (const name of drafts) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (now - mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

/**
 * The time now by the clock that dates the files of a folder: that of this machine may be an hour ahead of a server's,
 * and other machines write there too. Minus infinity if it cannot be told: then no file is old.
 */
async function timeOf(folder: string): Promise<number> {
  const path = join(folder, `${randomUUID()}.draft`);
  try {
    await writeFile(path, '');
    return (await stat(path)).mtimeMs;
  } catch {
    return -Infinity;
  } finally {
    await rm(path, { force: true });
  }
}

interface Named {
  key: string;
  value: unknown;
}

/** Keys may be addresses, which are too long for file names and contain slashes. */
const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 40);
const isMissing = (thrown: unknown): boolean => (thrown as NodeJS.ErrnoException | null)?.code === 'ENOENT';

/**
 * Values in a folder on disk, for the weight store in Node. A value is a file, renamed into place when it is complete;
 * running work holds a lock file that other processes on the same disk respect.
 */
export class FolderKeyValue implements KeyValue {
  readonly #root: string;
  readonly #objects: string;
  readonly #bytes: string;
  readonly #locks: string;

  private constructor(root: string) {
    this.#root = root;
    this.#objects = join(root, 'objects');
    this.#bytes = join(root, 'bytes');
    this.#locks = join(root, 'locks');
  }

  /** Creates the folder if it is missing. @throws GorpError `store/failed`, `store/quota`. */
  static async open(root: string): Promise<FolderKeyValue> {
    const values = new FolderKeyValue(root);
    await values.#withRoom(async () => {
      for (const folder of [values.#objects, values.#bytes, values.#locks]) await mkdir(folder, { recursive: true });
      for (const folder of [values.#objects, values.#bytes, values.#locks]) await removeOldDrafts(folder);
    });
    return values;
  }

  /** As {@link #guarded}, for lock files: reports a full disk as such. */
  async #withRoom<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#guarded(work);
    } catch (cause) {
      if (cause instanceof GorpError) throw cause;
      throw new GorpError(
        'store/quota',
        `The disk of ${this.#root} is full.`,
        'Free space on it, or name another folder with GORP_WEB_CACHE.',
        { cause },
      );
    }
  }

  /** Reports a full disk as browsers report a full quota, and names every other failure. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EDQUOT') throw new DOMException(message, 'QuotaExceededError');
      throw new GorpError(
        'store/failed',
        `The folder ${this.#root} could not be used: ${message}`,
        'Check that it is writable, or name another.',
        { cause },
      );
    }
  }

  #objectPath(key: string): string {
    return join(this.#objects, `${hashOf(key)}.json`);
  }

  #bytesPath(key: string): string {
    return join(this.#bytes, encodeURIComponent(key));
  }

  async #readNamed(path: string): Promise<Named | null> {
    try {
      return JSON.parse(await readFile(path, 'utf8')) as Named;
    } catch (thrown) {
      if (isMissing(thrown) || thrown instanceof SyntaxError) return null;
      throw thrown;
    }
  }

  getObject(key: string): Promise<unknown> {
    return this.#guarded(async () => (await this.#readNamed(this.#objectPath(key)))?.value);
  }

  async getBytes(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return readFile(this.#bytesPath(key)).then(
      (bytes) => new Uint8Array(bytes),
      () => undefined,
    );
  }

  setObject(key: string, value: object): Promise<void> {
    const named: Named = { key, value };
    return this.#write(this.#objectPath(key), JSON.stringify(named));
  }

  setBytes(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#write(this.#bytesPath(key), bytes);
  }

  #write(path: string, content: string | Uint8Array): Promise<void> {
    return this.#guarded(async () => {
      const draft = `${path}.${randomUUID()}.draft`;
      try {
        await writeFile(draft, content);
        await rename(draft, path);
      } catch (thrown) {
        await rm(draft, { force: true });
        throw thrown;
      }
    });
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#guarded(async () => {
      for (const key of keys) {
        await rm(this.#objectPath(key), { force: true });
        await rm(this.#bytesPath(key), { force: true });
      }
    });
  }

  keys(): Promise<string[]> {
    return this.#guarded(async () => {
      const isWhole = (name: string): boolean => !name.endsWith('.draft');
      const names = (await readdir(this.#objects)).filter(isWhole);
      const objects = await Promise.all(names.map((name) => this.#readNamed(join(this.#objects, name))));
      const bytes = (await readdir(this.#bytes)).filter(isWhole).map(decodeURIComponent);
      return [...objects.filter((named) => named !== null).map(({ key }) => key), ...bytes];
    });
  }

  room(): Promise<number | null> {
    return this.#guarded(async () => {
      const { bavail, bsize } = await statfs(this.#root);
      return bavail * bsize;
    });
  }

  async run<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const path = join(this.#locks, hashOf(name));
    let lock: FileLock | null = null;
    while (lock === null) {
      signal?.throwIfAborted();
      try {
        lock = await this.#withRoom(() => FileLock.take(path, name, { signal }));
      } catch (thrown) {
        signal?.throwIfAborted();
        throw thrown;
      }
      if (lock === null) await wait(RETRY_MS);
    }
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }

  running(): Promise<Set<string>> {
    return this.#guarded(async () => {
      const locks = (await readdir(this.#locks)).filter((file) => !file.includes('.')); // which are being taken
      const names = await Promise.all(locks.map((file) => FileLock.holder(join(this.#locks, file))));
      return new Set(names.filter((name) => name !== null));
    });
  }
}
