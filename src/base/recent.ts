/** A map of at most `limit` entries: to make room, it passes the least recently used one to `drop`. */
export class RecentMap<V> {
  readonly #drop: (value: V) => void;
  readonly #entries = new Map<string, V>();

  constructor(
    readonly limit: number,
    drop: (value: V) => void,
  ) {
    this.#drop = drop;
  }

  /** The entry, now marked as the most recently used. */
  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Adds or replaces an entry; the replaced one is dropped too. */
  set(key: string, value: V): void {
    this.delete(key);
    this.#entries.set(key, value);
    for (const oldest of [...this.#entries.keys()].slice(0, -this.limit)) this.delete(oldest);
  }

  delete(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#drop(value);
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }
}
