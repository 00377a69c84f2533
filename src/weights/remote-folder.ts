import { asPieces } from '../base/pieces.ts';
import { GorpError } from '../base/errors.ts';
import type { Patience } from './connection.ts';
import { type DownloadOptions, fetchToStore } from './download.ts';
import { FIRST_PIECE } from './gguf/piece-reader.ts';
import type { HubFile } from './hub.ts';
import { type ByteFile, HASHED_BYTES } from './model-files.ts';
import { isAbsence, missingFile, type ModelFolder, type PeekedFile } from './model-folder.ts';
import type { ModelProgress } from './model-messages.ts';
import { readRange, type Refetch, refetchByRange } from './ranges.ts';
import { wrongLength } from './response-checks.ts';
import type { Manifest } from './store-format.ts';
import { type WeightStore, writePieces } from './store.ts';

/** Milliseconds over which the rate is averaged. */
const WINDOW_MS = 5000;
/** Samples closer together count as one. */
const SAMPLE_MS = 250;

/** The recent transfer rate. */
class TransferRate {
  readonly #now: () => number;
  #samples: { at: number; bytes: number }[] = [];

  /** @param now a clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param bytes all bytes so far; may drop after a restart. @returns bytes a second, null at first. */
  update(bytes: number): number | null {
    const at = this.#now();
    const last = this.#samples.at(-1);
    if (last !== undefined && bytes < last.bytes) this.#samples = [];
    const previous = this.#samples.at(-1);
    if (previous === undefined || at - previous.at >= SAMPLE_MS) this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - this.#samples[1].at >= WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    return at - first.at < SAMPLE_MS ? null : (1000 * (bytes - first.bytes)) / (at - first.at);
  }
}

/** Minimum milliseconds between two reports of one file. */
const REPORT_MS = 100;

export interface RemoteOptions {
  fetch?: DownloadOptions['fetch'];
  signal?: AbortSignal | undefined;
  /** Called at the first and last piece of every file, a few times a second in between, and for parts that are peeked at. */
  onProgress?: ((progress: ModelProgress) => void) | undefined;
  patience?: Patience | undefined;
}

/** The facts about a folder that are known in advance. */
interface RemoteFacts {
  /** For messages; the address by default. */
  name?: string;
  commit?: string;
  /**
   * Identifies the content behind the URL, for instance a checksum. Copies of another version are removed. Without it,
   * a cached copy never expires.
   */
  version?: string | undefined;
  /** All files of the folder; null if only a request can tell. */
  files?: readonly HubFile[];
}

/**
 * Name of a file's copy in the store. A URL without version is a valid name too; no such URL contains the separator.
 */
export const nameInStore = (url: string, version: string): string => (version === '' ? url : `${url}#${version}`);

/**
 * A folder on a server, read through the store. Missing files are downloaded into the store first; stored ones are used
 * without a request, except that damaged parts are fetched again.
 */
export class RemoteFolder implements ModelFolder {
  readonly #store: WeightStore;
  readonly #options: RemoteOptions;
  readonly name: string;
  readonly commit: string | null;
  readonly #base: string;
  readonly #version: string;
  readonly #listed: ReadonlyMap<string, HubFile> | null;
  readonly #rate = new TransferRate(() => performance.now());
  #finishedBytes = 0;
  #reportedAt = -Infinity;
  /** Weight files still to be requested, and their total bytes if known. */
  #weights: { left: Set<string>; bytes: number | null } = { left: new Set(), bytes: null };

  readonly #refetch: Refetch;

  fromCache = true;

  /** @param url absolute URL of the folder. @throws GorpError `weights/bad-url`. */
  constructor(
    url: string,
    store: WeightStore,
    options: RemoteOptions,
    { name, commit, version, files }: RemoteFacts = {},
  ) {
    this.#store = store;
    this.#options = options;
    this.#base = folderUrl(url);
    this.#refetch = refetchByRange(options);
    this.name = name ?? this.#base;
    this.commit = commit ?? null;
    this.#version = version ?? '';
    this.#listed = files === undefined ? null : new Map(files.map((file) => [file.name, file]));
  }

  #nameOf(url: string): string {
    return nameInStore(url, this.#version);
  }

  #manifest(name: string): Promise<Manifest | null> {
    return this.#store.manifest(this.#nameOf(this.#base + name));
  }

  async has(name: string): Promise<boolean> {
    return (await this.#manifest(name)) !== null;
  }

  /** Nothing can read them any more, and they take up room that this version needs. */
  async removeOtherVersions(): Promise<void> {
    for (const { url, file } of await this.#stored()) if (file !== this.#nameOf(url)) await this.#store.remove(file);
  }

  async discard(): Promise<void> {
    // A commit's content would come back the same.
    if (this.commit !== null) return;
    for (const { file } of await this.#stored()) await this.#store.remove(file);
  }

  /** Copies, of every version, of files directly in this folder. */
  async #stored(): Promise<{ url: string; file: string }[]> {
    const all = [...(await this.#store.list()), ...(await this.#store.partials())];
    return all.filter(({ url }) => url.startsWith(this.#base) && !url.slice(this.#base.length).includes('/'));
  }

  async file(name: string, maxBytes?: number): Promise<ByteFile> {
    if (this.#listed?.has(name) === false) throw missingFile(this.name, name);
    const stored = await this.#manifest(name);
    const { bytes, chunkBytes, chunks } = stored ?? (await this.#download(name, maxBytes));
    this.#report(name, bytes, bytes, stored === null ? 'network' : 'cache', 'last');
    this.#finishedBytes += bytes;
    this.#weights.left.delete(name);
    const copy = this.#nameOf(this.#base + name);
    return {
      name,
      bytes,
      ...(chunkBytes === HASHED_BYTES && { hashes: chunks.map(({ sha256 }) => sha256) }),
      read: (begin, end) => this.#store.read(copy, begin, end, this.#refetch),
      discard: () => this.#store.remove(copy),
    };
  }

  async peek(name: string): Promise<PeekedFile> {
    const listed = this.#listed?.get(name);
    if (this.#listed !== null && listed === undefined) throw missingFile(this.name, name);
    const copy = this.#nameOf(this.#base + name);
    const stored = await this.#manifest(name);
    if (stored === null) {
      this.fromCache = false;
      const url = this.#base + filePath(name);
      this.#reportHeader(name, 0);
      const first = await readRange(url, 0, FIRST_PIECE, this.#options);
      if (first === null) return { ...(await this.file(name)), isWhole: true };
      this.#reportHeader(name, first.bytes.length);
      const bytes = listed?.bytes ?? first.total;
      if (bytes !== null && first.total !== null && bytes !== first.total) throw wrongLength(url, bytes, first.total);
      const read = async (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
        if (end <= first.bytes.length) return first.bytes.slice(begin, end);
        const part = (await readRange(url, begin, end, this.#options))?.bytes ?? new Uint8Array(0);
        this.#reportHeader(name, begin + part.length);
        return part;
      };
      return { bytes, isWhole: false, read, discard: () => Promise.resolve() };
    }
    return {
      bytes: stored.bytes,
      isWhole: true,
      read: (begin, end) => this.#store.read(copy, begin, end, this.#refetch),
      discard: () => this.#store.remove(copy),
    };
  }

  /** An empty copy marks a missing file, so that the next start need not ask. */
  async optionalFile(name: string, maxBytes: number): Promise<ByteFile | null> {
    try {
      const file = await this.file(name, maxBytes);
      return file.bytes === 0 ? null : file;
    } catch (thrown) {
      if (!isAbsence(thrown)) throw thrown;
      const url = this.#base + name;
      if (this.#listed === null) {
        await writePieces(this.#store, this.#nameOf(url), { url, etag: null, bytes: 0, sha256: null }, asPieces());
      }
      return null;
    }
  }

  async expectWeights(names: readonly string[], tensorBytes: number | null): Promise<void> {
    const sizes = names.map((name) => this.#listed?.get(name)?.bytes ?? null);
    const listed = sizes.every((size) => size !== null) ? sizes.reduce((sum, size) => sum + size, 0) : null;
    const bytes = listed ?? tensorBytes;
    this.#weights = { left: new Set(names), bytes: bytes === null ? null : this.#finishedBytes + bytes };
    if (bytes === null) return;
    const copies = new Set(names.map((name) => this.#nameOf(this.#base + name)));
    const complete = (await this.#store.list()).filter(({ file }) => copies.has(file));
    const begun = (await this.#store.partials()).filter(({ file }) => copies.has(file));
    const have =
      complete.reduce((sum, { bytes }) => sum + bytes, 0) +
      begun.reduce((sum, { chunks, chunkBytes }) => sum + chunks.length * chunkBytes, 0);
    await this.#store.requireRoom({ url: this.name, bytes: Math.max(0, bytes - have) });
  }

  async #download(name: string, maxBytes: number | undefined): Promise<Manifest> {
    this.fromCache = false;
    const url = this.#base + filePath(name);
    const { fetch, signal, patience } = this.#options;
    const listed = this.#listed?.get(name);
    let pieces = 0;
    return fetchToStore(url, this.#store, {
      fetch,
      signal,
      patience,
      maxBytes,
      file: this.#nameOf(this.#base + name),
      expected: listed === undefined ? undefined : { bytes: listed.bytes, sha256: listed.sha256 },
      onProgress: (bytes, total) => this.#report(name, bytes, total, 'network', pieces++ === 0 ? 'first' : 'between'),
    });
  }

  /** Reports the beginning of a file, which may be a header of many MB. It does not count as downloaded. */
  #reportHeader(file: string, bytes: number): void {
    this.#options.onProgress?.({ file, bytes, totalBytes: null, source: 'network', bytesPerSecond: null });
  }

  #report(
    file: string,
    bytes: number,
    total: number | null,
    source: ModelProgress['source'],
    place: 'first' | 'between' | 'last',
  ): void {
    const now = performance.now();
    const all = this.#finishedBytes + bytes;
    const rate = source === 'network' ? this.#rate.update(all) : null;
    if (place === 'between' && now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    this.#options.onProgress?.({
      file,
      bytes: all,
      totalBytes: this.#total(file, total),
      source,
      bytesPerSecond: rate,
    });
  }

  /** Bytes of all files, if known; `bytes` are those of the current file. */
  #total(file: string, bytes: number | null): number | null {
    const { left } = this.#weights;
    if (!left.has(file)) return this.#listedTotal();
    // The last weight file gives the exact sum, if its size is known.
    if (left.size === 1) return bytes === null ? this.#weights.bytes : this.#finishedBytes + bytes;
    return bytes === null || this.#weights.bytes === null
      ? null
      : Math.max(this.#weights.bytes, this.#finishedBytes + bytes);
  }

  /** Total from the list of all files, before the weights arrive. */
  #listedTotal(): number | null {
    const single = this.#listed?.has('model.safetensors') === true;
    let sum = 0;
    for (const { name, bytes } of this.#listed?.values() ?? []) {
      const isWeights = single ? name === 'model.safetensors' : /^model-\d+-of-\d+\.safetensors$/.test(name);
      const isSmall = SMALL_FILES.includes(name) || (!single && name === 'model.safetensors.index.json');
      if (isWeights || isSmall) sum += bytes ?? NaN;
    }
    return Number.isNaN(sum) || this.#listed === null ? null : sum;
  }
}

const SMALL_FILES = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'chat_template.jinja',
];

/** A file's name, perhaps in folders, as the end of an address. */
export const filePath = (name: string): string => name.split('/').map(encodeURIComponent).join('/');

/** A folder's normalised address: with a slash at the end, without query. @throws GorpError `weights/bad-url`. */
export function folderUrl(text: string): string {
  if (!URL.canParse(text)) {
    throw new GorpError(
      'weights/bad-url',
      `${JSON.stringify(text)} is not the address of a folder.`,
      'Give the whole address, beginning with https://.',
    );
  }
  const url = new URL(text);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return new URL('.', url).href;
}
