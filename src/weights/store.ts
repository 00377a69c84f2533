import { GorpError } from '../base/errors.ts';
import { sha256Of } from '../base/sha256.ts';
import { ChunkWriter, type FileWriter, noRoom, type Origin, removePartial, requireRoom } from './file-writer.ts';
import { IndexedDbKeyValue, type KeyValue, MemoryKeyValue } from './key-value.ts';
import { HASHED_BYTES } from './model-files.ts';
import type { Refetch } from './ranges.ts';
import {
  chunkKey,
  chunkKeys,
  fileNames,
  loadManifest,
  loadPartial,
  type Manifest,
  manifestKey,
  type PartialManifest,
  removeLeftovers,
  writeLock,
} from './store-format.ts';

/**
 * Weight files stored between visits. A file consists of chunks, each with its SHA-256, and a manifest that is written
 * last. Without a manifest there is no file, so a write that ends midway cannot pass for one.
 */

const CHUNK_BYTES = HASHED_BYTES;
/** Identifies the format in store-format.ts: another format needs another name. */
const DATABASE = 'gorp-web-weights';

/** A cache of weight files. All methods may throw GorpError `store/failed` when the database does. */
export interface WeightStore {
  /** The file's manifest; null if the file is missing or incomplete. */
  manifest(file: string): Promise<Manifest | null>;
  list(): Promise<Manifest[]>;
  /** Interrupted writes that can be resumed, and running ones. */
  partials(): Promise<PartialManifest[]>;
  /** Bytes of all files, interrupted ones included. */
  size(): Promise<number>;
  /** @throws GorpError `store/quota` when the browser reports too little room for these bytes. */
  requireRoom(origin: Pick<Origin, 'url' | 'bytes'>): Promise<void>;
  /**
   * Writes a file, with one chunk in memory. An earlier file of that name stays readable until the new one is complete.
   * If `fill` or the database fails, nothing of the new file stays unless `fill` called {@link FileWriter.keep}. Writes
   * of one file run one at a time across all tabs; a later one waits, then uses the file that the earlier one stored.
   *
   * @param fill begins, or resumes from {@link FileWriter.origin}, and appends all bytes.
   * @param signal ends the wait.
   * @throws GorpError `store/quota` when it does not fit, `weights/wrong-hash`, and whatever `fill` throws.
   */
  write(file: string, fill: (writer: FileWriter) => Promise<void>, signal?: AbortSignal): Promise<Manifest>;
  /**
   * Bytes `begin` to `end` (exclusive) of a file, in memory of their own. Checks a chunk's hash when this store object
   * first reads it.
   *
   * @param refetch fetches a damaged or missing chunk again; its result replaces the chunk if the hash is right.
   * @throws GorpError `store/missing` when the file is missing; `weights/corrupt-chunk` when a damaged chunk cannot be
   * replaced. The file is then removed, so that it is downloaded again, unless `refetch` threw; the message says why.
   * `weights/aborted` as `refetch` throws it.
   */
  read(file: string, begin: number, end: number, refetch?: Refetch): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether a file is being written now, here or in another tab or process. */
  isBeingWritten(file: string): Promise<boolean>;
  /** Removes a file, if it exists, and what an interrupted write of it left. */
  remove(file: string): Promise<void>;
}

/** Opens this browser's store (IndexedDB) and removes leftovers of interrupted writes. */
export function openBrowserStore(): Promise<WeightStore> {
  return openStore(new IndexedDbKeyValue(DATABASE));
}

/** Opens a store for Node that lives as long as the process. */
export function openMemoryStore(): Promise<WeightStore> {
  return openStore(new MemoryKeyValue());
}

/** Opens a store over any database and removes leftovers of interrupted writes. @param chunkBytes of new files. */
export async function openStore(values: KeyValue, chunkBytes = CHUNK_BYTES): Promise<WeightStore> {
  await removeLeftovers(values);
  return new ChunkStore(values, chunkBytes);
}

/**
 * Writes a file from one sequence of pieces. @throws GorpError as {@link WeightStore.write}, and whatever `pieces`
 * throws.
 */
export function writePieces(
  store: WeightStore,
  file: string,
  origin: Origin,
  pieces: AsyncIterable<Uint8Array>,
): Promise<Manifest> {
  return store.write(file, async (writer) => {
    await writer.begin(origin);
    await writer.append(pieces);
  });
}

class ChunkStore implements WeightStore {
  readonly #values: KeyValue;
  readonly #chunkBytes: number;

  /** Manifests of the files read from, as of the first read. */
  readonly #open = new Map<string, Manifest>();
  /** Keys of chunks whose hash has been verified. */
  readonly #verified = new Set<string>();
  /** The last chunk read: tensors are mostly read in file order, many per chunk. */
  #last: { key: string; bytes: Uint8Array<ArrayBuffer> } | null = null;

  constructor(values: KeyValue, chunkBytes: number) {
    this.#values = values;
    this.#chunkBytes = chunkBytes;
  }

  manifest(file: string): Promise<Manifest | null> {
    return loadManifest(this.#values, file);
  }

  async list(): Promise<Manifest[]> {
    const { complete } = await fileNames(this.#values);
    const manifests = await Promise.all(complete.map((file) => loadManifest(this.#values, file)));
    return manifests.filter((manifest) => manifest !== null);
  }

  async partials(): Promise<PartialManifest[]> {
    const { partial } = await fileNames(this.#values);
    const manifests = await Promise.all(partial.map((file) => loadPartial(this.#values, file)));
    return manifests.filter((manifest) => manifest !== null);
  }

  async size(): Promise<number> {
    const complete = (await this.list()).reduce((sum, { bytes }) => sum + bytes, 0);
    return (await this.partials()).reduce((sum, { chunks, chunkBytes }) => sum + chunks.length * chunkBytes, complete);
  }

  async isBeingWritten(file: string): Promise<boolean> {
    return (await this.#values.running()).has(writeLock(file));
  }

  requireRoom(origin: Pick<Origin, 'url' | 'bytes'>): Promise<void> {
    return requireRoom(this.#values, origin);
  }

  async write(file: string, fill: (writer: FileWriter) => Promise<void>, signal?: AbortSignal): Promise<Manifest> {
    const before = await this.manifest(file);
    return this.#values.run(
      writeLock(file),
      async () => {
        const now = await this.manifest(file);
        return now !== null && now.id !== before?.id ? now : this.#write(file, fill);
      },
      signal,
    );
  }

  async #write(file: string, fill: (writer: FileWriter) => Promise<void>): Promise<Manifest> {
    const writer = await ChunkWriter.open(this.#values, file, this.#chunkBytes);
    let manifest: Manifest;
    try {
      await fill(writer);
      manifest = await writer.finish();
    } catch (thrown) {
      const { origin, bytes } = writer;
      await writer.fail();
      if (origin === null || !isQuota(thrown)) throw thrown;
      throw noRoom(origin, Math.max(bytes + writer.chunkBytes, origin.bytes ?? 0), null, thrown);
    }
    this.#open.delete(file);
    return manifest;
  }

  async read(file: string, begin: number, end: number, refetch?: Refetch): Promise<Uint8Array<ArrayBuffer>> {
    const manifest = this.#open.get(file) ?? (await this.manifest(file));
    if (manifest === null) {
      throw new GorpError(
        'store/missing',
        `${file} is not in the store; the browser or another tab may have removed it.`,
        'Start again to download the file again.',
      );
    }
    if (begin < 0 || end < begin || end > manifest.bytes) {
      throw new RangeError(`Cannot read bytes ${begin} to ${end} of ${file}, which has ${manifest.bytes}.`);
    }
    this.#open.set(file, manifest);
    const out = new Uint8Array(end - begin);
    for (let at = begin; at < end;) {
      const index = Math.floor(at / manifest.chunkBytes);
      const chunk = await this.#chunk(manifest, index, refetch);
      const from = at - index * manifest.chunkBytes;
      const part = chunk.subarray(from, from + end - at);
      out.set(part, at - begin);
      at += part.length;
    }
    return out;
  }

  async #chunk(manifest: Manifest, index: number, refetch: Refetch | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const key = chunkKey(manifest.id, index);
    if (this.#last?.key === key) return this.#last.bytes;
    const stored = await this.#values.getBytes(key);
    const isSound = stored !== undefined && (await this.#isRight(key, stored, manifest.chunks[index]));
    const chunk = isSound ? stored : await this.#mend(manifest, index, refetch);
    this.#verified.add(key);
    this.#last = { key, bytes: chunk };
    return chunk;
  }

  /** Fetches a damaged chunk again and replaces it, or removes the whole file. */
  async #mend(manifest: Manifest, index: number, refetch: Refetch | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const { id, file, url, chunks } = manifest;
    const key = chunkKey(id, index);
    this.#verified.delete(key);
    try {
      const anew = await refetch?.(manifest, index);
      if (anew != null && (await this.#isRight(key, anew, chunks[index]))) {
        await this.#values.setBytes(key, anew);
        // If another tab removed or replaced the file meanwhile, nothing would ever delete this chunk.
        if ((await this.manifest(file))?.id !== id) await this.#values.delete([key]);
        return anew;
      }
    } catch (thrown) {
      const cause = isQuota(thrown)
        ? noRoom({ url, bytes: chunks[index].bytes }, chunks[index].bytes, null, thrown)
        : thrown;
      if (!(cause instanceof GorpError) || cause.code === 'weights/aborted') throw cause;
      const what = `The stored copy of ${url} is damaged (part ${index + 1} of ${chunks.length})`;
      const message = `${what}, and this part could not be downloaded again. ${cause.message}`;
      throw new GorpError('weights/corrupt-chunk', message, cause.nextStep, { cause });
    }
    await this.#removeCopy(manifest);
    throw new GorpError(
      'weights/corrupt-chunk',
      `The stored copy of ${url} is damaged (part ${index + 1} of ${chunks.length}) and was removed.`,
      'Start again to download the file again.',
    );
  }

  async #isRight(key: string, chunk: Uint8Array<ArrayBuffer>, expected: Manifest['chunks'][number]): Promise<boolean> {
    if (chunk.length !== expected.bytes) return false;
    return this.#verified.has(key) || (await sha256Of(chunk)) === expected.sha256;
  }

  async remove(file: string): Promise<void> {
    const manifest = await this.manifest(file);
    if (manifest !== null) await this.#removeCopy(manifest);
    const partial = await loadPartial(this.#values, file);
    if (partial !== null) await removePartial(this.#values, partial);
  }

  /** Removes one write's data, but not that of a later write of the same file. */
  async #removeCopy({ file, id, chunks }: Manifest): Promise<void> {
    this.#open.delete(file);
    this.#last = null;
    // Delete the manifest first: a file must never lack chunks.
    if ((await this.manifest(file))?.id === id) await this.#values.delete([manifestKey(file)]);
    await this.#values.delete(chunkKeys(id, chunks.length));
  }
}

const isQuota = (thrown: unknown): boolean => thrown instanceof Error && thrown.name === 'QuotaExceededError';
