/**
 * Weight files kept between visits. A file is a row of chunks, each with its SHA-256, and a manifest that is written
 * last: without manifest there is no file, so a write that ends midway leaves nothing that could be taken for one.
 */
import { GorpError } from '../base/errors.ts';
import { sha256Of } from '../base/sha256.ts';
import { HASHED_BYTES } from './content-hash.ts';
import { ChunkWriter, type FileWriter, noRoom, type Origin, removePartial, requireRoom } from './file-writer.ts';
import type { KeyValue } from './key-value.ts';
import { IndexedDbKeyValue } from './key-value-idb.ts';
import { MemoryKeyValue } from './key-value-memory.ts';
import type { Refetch } from './refetch.ts';
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

const CHUNK_BYTES = HASHED_BYTES;
/** The format in store-format.ts belongs to this name: another format needs another name. */
const DATABASE = 'gorp-web-weights';

/** A cache of weight files. All methods may throw GorpError `store/failed` when the database does. */
export interface WeightStore {
  /** The file's manifest, or null when the file is not (wholly) there. */
  manifest(file: string): Promise<Manifest | null>;
  list(): Promise<Manifest[]>;
  /** Interrupted writes that can be gone on from, and those under way. */
  partials(): Promise<PartialManifest[]>;
  /** Bytes of all files, interrupted ones included. */
  size(): Promise<number>;
  /** @throws GorpError `store/quota` when the browser says that there is no room for so many bytes. */
  requireRoom(origin: Pick<Origin, 'url' | 'bytes'>): Promise<void>;
  /**
   * Writes a file, holding one chunk of it. An earlier file of that name stays readable until the new one is complete.
   * When `fill` or the database fails nothing of the new file stays, unless `fill` said that it should. One write of a
   * file goes on at a time, in all tabs: a later one waits, and takes the file that the earlier one has brought.
   *
   * @param fill begins (or resumes from {@link FileWriter.origin}) and appends all bytes.
   * @param signal ends the waiting.
   * @throws GorpError `store/quota` when it does not fit, `weights/wrong-hash`, and whatever `fill` throws.
   */
  write(file: string, fill: (writer: FileWriter) => Promise<void>, signal?: AbortSignal): Promise<Manifest>;
  /**
   * Bytes `begin` to `end` (exclusive) of a file, in memory of their own. Every chunk's hash is checked when this store
   * object first reads it.
   *
   * @param refetch brings a chunk that is damaged or gone anew: it takes its place when its hash is right.
   * @throws GorpError `store/missing` when the file is not there; `weights/corrupt-chunk` when a chunk is damaged and
   * stays so: the file is removed then, so that it will be downloaded anew, unless `refetch` threw, which the message
   * tells. `weights/aborted` as `refetch` throws it.
   */
  read(file: string, begin: number, end: number, refetch?: Refetch): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether a file is being written now, here or in another tab or process. */
  isBeingWritten(file: string): Promise<boolean>;
  /** Removes a file, if it is there, and what an interrupted write of it has left. */
  remove(file: string): Promise<void>;
}

/** The store of this browser (IndexedDB), freed of what interrupted writes left behind. */
export function openBrowserStore(): Promise<WeightStore> {
  return openStore(new IndexedDbKeyValue(DATABASE));
}

/** A store that lives as long as the process: for Node. */
export function openMemoryStore(): Promise<WeightStore> {
  return openStore(new MemoryKeyValue());
}

/** A store over any database, freed of what interrupted writes left behind. @param chunkBytes of files to be written. */
export async function openStore(values: KeyValue, chunkBytes = CHUNK_BYTES): Promise<WeightStore> {
  await removeLeftovers(values);
  return new ChunkStore(values, chunkBytes);
}

/** Writes a file whose bytes come in one go. @throws GorpError as {@link WeightStore.write}, and whatever `pieces` throws. */
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

  /** Manifests of files read from, as they were then. */
  readonly #open = new Map<string, Manifest>();
  /** Keys of the chunks whose hash has been found right. */
  readonly #verified = new Set<string>();
  /** The chunk read last: tensors are mostly read in the order in which they lie, many to a chunk. */
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
        'Start again: the file will be downloaded anew.',
      );
    }
    if (begin < 0 || end < begin || end > manifest.bytes) {
      throw new RangeError(`Bytes ${begin} to ${end} were asked of ${file}, which has ${manifest.bytes}.`);
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
    const kept = await this.#values.getBytes(key);
    const isSound = kept !== undefined && (await this.#isRight(key, kept, manifest.chunks[index]));
    const chunk = isSound ? kept : await this.#mend(manifest, index, refetch);
    this.#verified.add(key);
    this.#last = { key, bytes: chunk };
    return chunk;
  }

  /** A damaged chunk anew, put in its place; or the end of the whole file. */
  async #mend(manifest: Manifest, index: number, refetch: Refetch | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const { id, file, url, chunks } = manifest;
    const key = chunkKey(id, index);
    this.#verified.delete(key);
    try {
      const anew = await refetch?.(manifest, index);
      if (anew != null && (await this.#isRight(key, anew, chunks[index]))) {
        await this.#values.setBytes(key, anew);
        // Removed or replaced meanwhile, perhaps by another tab: then nobody would ever delete the chunk.
        if ((await this.manifest(file))?.id !== id) await this.#values.delete([key]);
        return anew;
      }
    } catch (thrown) {
      const cause = isQuota(thrown)
        ? noRoom({ url, bytes: chunks[index].bytes }, chunks[index].bytes, null, thrown)
        : thrown;
      if (!(cause instanceof GorpError) || cause.code === 'weights/aborted') throw cause;
      const what = `The stored copy of ${url} is damaged (part ${index + 1} of ${chunks.length})`;
      const message = `${what}, and this part could not be fetched again. ${cause.message}`;
      throw new GorpError('weights/corrupt-chunk', message, cause.nextStep, { cause });
    }
    await this.#removeCopy(manifest);
    throw new GorpError(
      'weights/corrupt-chunk',
      `The stored copy of ${url} is damaged (part ${index + 1} of ${chunks.length}) and was removed.`,
      'Start again: the file will be downloaded anew.',
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

  /** Removes what one write left, but not what a later one of the same file has put in its place. */
  async #removeCopy({ file, id, chunks }: Manifest): Promise<void> {
    this.#open.delete(file);
    this.#last = null;
    // The manifest first: a file must never lack chunks.
    if ((await this.manifest(file))?.id === id) await this.#values.delete([manifestKey(file)]);
    await this.#values.delete(chunkKeys(id, chunks.length));
  }
}

const isQuota = (thrown: unknown): boolean => thrown instanceof Error && thrown.name === 'QuotaExceededError';
