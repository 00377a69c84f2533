import type { KeyValue } from '../weights/key-value.ts';

/** Wraps a {@link KeyValue}, adding a quota and counters for tests. */
export class WatchedKeyValue implements KeyValue {
  readonly #inner: KeyValue;
  readonly #storesBytes: boolean;

  /** Bytes in byte arrays written so far. */
  bytesStored = 0;
  bytesRead = 0;
  /** Written bytes beyond which a write fails as in a browser with a full quota. */
  quotaBytes = Infinity;
  /** The answer of {@link room}, true or not: a browser's estimate may be wrong. */
  roomBytes: number | null = null;

  /** @param storesBytes false to only count the bytes, for files that are not read again. */
  constructor(inner: KeyValue, storesBytes = true) {
    this.#inner = inner;
    this.#storesBytes = storesBytes;
  }

  getObject(key: string): Promise<unknown> {
    return this.#inner.getObject(key);
  }

  async getBytes(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = await this.#inner.getBytes(key);
    this.bytesRead += bytes?.length ?? 0;
    return bytes;
  }

  setObject(key: string, value: object): Promise<void> {
    return this.#inner.setObject(key, value);
  }

  async setBytes(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.bytesStored + bytes.length > this.quotaBytes)
      throw new DOMException('The quota is full.', 'QuotaExceededError');
    if (this.#storesBytes) await this.#inner.setBytes(key, bytes);
    this.bytesStored += bytes.length;
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#inner.delete(keys);
  }

  keys(): Promise<string[]> {
    return this.#inner.keys();
  }

  room(): Promise<number | null> {
    return Promise.resolve(this.roomBytes);
  }

  run<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#inner.run(name, work, signal);
  }

  running(): Promise<Set<string>> {
    return this.#inner.running();
  }
}
