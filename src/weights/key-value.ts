import { createStore, delMany, get, keys, set, type UseStore } from 'idb-keyval';
import { GorpError } from '../base/errors.ts';

/** The database of a weight store: plain objects and byte arrays by name. */
export interface KeyValue {
  /** The object under this name, unchecked, or undefined. */
  getObject(key: string): Promise<unknown>;
  /** The bytes under this name; undefined if missing or no longer readable. */
  getBytes(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Stores a copy. @throws DOMException `QuotaExceededError` when there is no room; then nothing is stored. */
  setObject(key: string, value: object): Promise<void>;
  /** Stores a copy: once the promise resolves, the caller may change the bytes. @throws as {@link setObject}. */
  setBytes(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
  keys(): Promise<string[]>;
  /** Bytes of free space, if known. */
  room(): Promise<number | null>;
  /**
   * Runs work under a name that {@link running} lists, in other tabs too, until the work ends or its tab dies. Work of
   * one name runs one after another.
   *
   * @param signal ends the wait for its turn: the promise rejects with the signal's reason.
   */
  run<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  running(): Promise<Set<string>>;
}

/** Rethrows a full quota, since the caller knows what it was writing, and wraps every other failure of the database. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'QuotaExceededError') throw cause;
    throw new GorpError(
      'store/failed',
      `The browser's storage failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      'Reload the page and allow it to store data (a private window may not); if it fails again, clear its site data.',
      { cause },
    );
  }
}

/**
 * Values in IndexedDB. Byte arrays are stored as Blobs, which Chromium writes and reads 1.4 to 2 times as fast. In a
 * page or worker the names of running work are Web Locks, which end with the tab that holds them.
 */
export class IndexedDbKeyValue implements KeyValue {
  readonly #store: UseStore;
  readonly #lockPrefix: string;

  /** @param database name of the database; its one object store is for this class alone. */
  constructor(database: string) {
    this.#store = createStore(database, 'values');
    this.#lockPrefix = `${database}/`;
  }

  getObject(key: string): Promise<unknown> {
    return guarded(() => get<unknown>(key, this.#store));
  }

  async getBytes(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const value = await guarded(() => get<unknown>(key, this.#store));
    if (!(value instanceof Blob)) return undefined;
    // A Blob whose file is lost or damaged on disk fails here, not in get.
    return value.arrayBuffer().then(
      (buffer) => new Uint8Array(buffer),
      () => undefined,
    );
  }

  setObject(key: string, value: object): Promise<void> {
    return guarded(() => set(key, value, this.#store));
  }

  setBytes(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return guarded(() => set(key, new Blob([bytes]), this.#store));
  }

  delete(names: readonly string[]): Promise<void> {
    return guarded(() => delMany([...names], this.#store));
  }

  keys(): Promise<string[]> {
    return guarded(() => keys<string>(this.#store));
  }

  async room(): Promise<number | null> {
    // Some browsers and Node have no estimate; then the write itself fails.
    const { quota, usage } = (await globalThis.navigator?.storage?.estimate?.()) ?? {};
    return quota === undefined || usage === undefined ? null : Math.max(0, quota - usage);
  }

  async run<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const locks = globalThis.navigator?.locks;
    if (locks === undefined) return work();
    return locks.request(this.#lockPrefix + name, signal === undefined ? {} : { signal }, work);
  }

  async running(): Promise<Set<string>> {
    const { held = [] } = (await globalThis.navigator?.locks?.query()) ?? {};
    const names = held.map((lock) => lock.name ?? '').filter((name) => name.startsWith(this.#lockPrefix));
    return new Set(names.map((name) => name.slice(this.#lockPrefix.length)));
  }
}

/** Values in memory: for tests, and for Node, where the operating system caches files anyway. */
export class MemoryKeyValue implements KeyValue {
  readonly #objects = new Map<string, object>();
  readonly #bytes = new Map<string, Uint8Array<ArrayBuffer>>();
  /** The latest work of each name, settled or not. */
  readonly #running = new Map<string, Promise<unknown>>();

  getObject(key: string): Promise<unknown> {
    return Promise.resolve(structuredClone(this.#objects.get(key)));
  }

  getBytes(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.resolve(this.#bytes.get(key)?.slice());
  }

  setObject(key: string, value: object): Promise<void> {
    this.#objects.set(key, structuredClone(value));
    return Promise.resolve();
  }

  setBytes(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#bytes.set(key, bytes.slice());
    return Promise.resolve();
  }

  delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.#objects.delete(key);
      this.#bytes.delete(key);
    }
    return Promise.resolve();
  }

  keys(): Promise<string[]> {
    return Promise.resolve([...this.#objects.keys(), ...this.#bytes.keys()]);
  }

  room(): Promise<null> {
    return Promise.resolve(null);
  }

  async run<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#running.get(name) ?? Promise.resolve();
    const mine = before.then(() => {
      signal?.throwIfAborted();
      return work();
    });
    const settled = mine.catch(() => undefined);
    this.#running.set(name, settled);
    try {
      return await mine;
    } finally {
      if (this.#running.get(name) === settled) this.#running.delete(name);
    }
  }

  running(): Promise<Set<string>> {
    return Promise.resolve(new Set(this.#running.keys()));
  }
}
