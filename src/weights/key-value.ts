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
