import type { KeyValue } from './key-value.ts';

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
