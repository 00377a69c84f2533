import { vi } from 'vitest';

// The parts of the browser's private file system that the worker uses, in memory, and the browser's locks.

type Entry = Directory | FileEntry;
const missing = (name: string): DOMException => new DOMException(`${name} is not there`, 'NotFoundError');

class FileEntry {
  content = new Blob();
  constructor(
    readonly name: string,
    readonly disk: PrivateFileSystem,
  ) {}

  getFile(): Promise<File> {
    return Promise.resolve(new File([this.content], this.name, { lastModified: 1 }));
  }

  /** Writes take effect at `close`. */
  createWritable(): Promise<{
    write(piece: Uint8Array): Promise<void>;
    close(): Promise<void>;
    abort(): Promise<void>;
  }> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    return this.disk.change(() => ({
      write: (piece) => this.disk.change(() => void pieces.push(piece.slice())),
      close: () =>
        this.disk.change(() => {
          this.content = new Blob(pieces);
        }),
      abort: () => Promise.resolve(),
    }));
  }
}

class Directory {
  readonly children = new Map<string, Entry>();
  constructor(
    readonly name: string,
    readonly disk: PrivateFileSystem,
  ) {}

  getDirectoryHandle(name: string, options: { create?: boolean } = {}): Promise<Directory> {
    return this.#child(name, options, Directory);
  }
  getFileHandle(name: string, options: { create?: boolean } = {}): Promise<FileEntry> {
    return this.#child(name, options, FileEntry);
  }

  async #child<T extends Entry>(
    name: string,
    { create = false }: { create?: boolean },
    Kind: new (name: string, disk: PrivateFileSystem) => T,
  ): Promise<T> {
    const found = this.children.get(name);
    if (found instanceof Kind) return found;
    if (found !== undefined) throw new DOMException(`${name} is of another kind`, 'TypeMismatchError');
    if (!create) throw missing(name);
    return this.disk.change(() => {
      const made = new Kind(name, this.disk);
      this.children.set(name, made);
      return made;
    });
  }

  removeEntry(name: string): Promise<void> {
    return this.children.delete(name) ? Promise.resolve() : Promise.reject(missing(name));
  }

  async *entries(): AsyncGenerator<[string, Entry]> {
    for (const entry of [...this.children]) yield await Promise.resolve(entry);
  }
  async *keys(): AsyncGenerator<string> {
    for (const name of [...this.children.keys()]) yield await Promise.resolve(name);
  }
}

/** A private file system that replaces the browser's until the globals are restored. */
export class PrivateFileSystem {
  readonly root = new Directory('', this);
  /** Number of changes, made or failed. */
  changes = 0;
  /** The change at which the quota is full; with `stays`, from then on. */
  #full = { at: Infinity, stays: false };
  readonly #held = new Map<string, 'shared' | 'exclusive'>();

  constructor() {
    const locks = {
      request: (name: string, ...rest: unknown[]) => this.#request(name, rest),
      query: () => Promise.resolve({ held: [...this.#held.keys()].map((name) => ({ name })) }),
    };
    vi.stubGlobal('FileSystemDirectoryHandle', Directory);
    vi.stubGlobal('FileSystemFileHandle', FileEntry);
    vi.stubGlobal('navigator', { storage: { getDirectory: () => Promise.resolve(this.root) }, locks });
  }

  /** Makes the quota full at a change, counted from now. */
  full(at: number, stays = false): void {
    this.changes = 0;
    this.#full = { at, stays };
  }

  change<T>(work: () => T): Promise<T> {
    this.changes++;
    const { at, stays } = this.#full;
    if (this.changes === at || (stays && this.changes > at)) {
      return Promise.reject(new DOMException('full', 'QuotaExceededError'));
    }
    return Promise.resolve(work());
  }

  /** Releases every lock, as if their workers had ended. */
  releaseLocks(): void {
    this.#held.clear();
  }

  async #request(name: string, rest: unknown[]): Promise<unknown> {
    const work = rest.at(-1) as (lock: object | null) => unknown;
    const options = (rest.length > 1 ? rest[0] : {}) as { ifAvailable?: boolean; mode?: 'shared' };
    const { ifAvailable = false, mode = 'exclusive' } = options;
    if (this.#held.has(name) && (mode === 'exclusive' || this.#held.get(name) !== mode)) {
      if (ifAvailable) return work(null);
      throw new DOMException('It took too long', 'TimeoutError');
    }
    this.#held.set(name, mode);
    try {
      return await work({ name });
    } finally {
      this.#held.delete(name);
    }
  }
}
