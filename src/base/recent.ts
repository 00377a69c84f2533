/** A map of at most `limit` entries: the one that was asked for longest ago makes room, and is handed to `drop`. */
export class RecentMap<V> {
  readonly #drop: (value: V) => void;
  readonly #entries = new Map<string, V>();

  constructor(
    readonly limit: number,
    drop: (value: V) => void,
  ) {
    this.#drop = drop;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The entry, which counts as used now. */
  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Adds or replaces an entry; one that is replaced is dropped too. */
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
