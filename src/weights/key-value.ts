/** What the weight store needs of a database: plain objects and byte arrays by name. */
export interface KeyValue {
  /** The object under this name, unchecked, or undefined. */
  getObject(key: string): Promise<unknown>;
  /** The bytes under this name, or undefined when there are none or they cannot be read any more. */
  getBytes(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Keeps a copy. @throws DOMException `QuotaExceededError` when there is no room; nothing is kept then. */
  setObject(key: string, value: object): Promise<void>;
  /** Keeps a copy: once the promise resolves the caller may change the bytes. @throws as {@link setObject}. */
  setBytes(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
  keys(): Promise<string[]>;
  /** Bytes that can still be kept, as far as is known. */
  room(): Promise<number | null>;
  /**
   * Runs work under a name that {@link running} tells, also in other tabs, until the work ends or its tab dies. Works of
   * one name follow each other.
   *
   * @param signal ends the waiting for its turn: the promise rejects with the signal's reason.
   */
  run<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  running(): Promise<Set<string>>;
}
