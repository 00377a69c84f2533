/**
 * Weight files kept between visits. A file is a row of chunks, each with its SHA-256, and a manifest that is written
 * last: without manifest there is no file, so a write that ends midway leaves nothing that could be taken for one.
 */
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import type { KeyValue } from './key-value.ts';
import { IndexedDbKeyValue } from './key-value-idb.ts';
import { MemoryKeyValue } from './key-value-memory.ts';

const CHUNK_BYTES = 4 * 2 ** 20;
/** The format below belongs to this name: another format needs another name. */
const DATABASE = 'gorp-web-weights';

const bytesSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const ManifestSchema = v.pipe(
  v.object({
    /** The file's name in the store. */
    file: v.string(),
    /** Part of its chunks' keys; differs between two writes of one file. */
    id: v.string(),
    /** Where the content came from. */
    url: v.string(),
    etag: v.nullable(v.string()),
    bytes: bytesSchema,
    /** Bytes of every chunk but the last. */
    chunkBytes: v.pipe(bytesSchema, v.minValue(1)),
    chunks: v.array(v.object({ sha256: v.string(), bytes: bytesSchema })),
  }),
  v.check(
    ({ bytes, chunkBytes, chunks }) =>
      chunks.length === Math.ceil(bytes / chunkBytes) &&
      chunks.every((chunk, i) => chunk.bytes === Math.min(chunkBytes, bytes - i * chunkBytes)),
  ),
);

/** What the store knows of a file. */
export type Manifest = v.InferOutput<typeof ManifestSchema>;

/** Where a file's content comes from. */
export interface Origin {
  url: string;
  /** The server's name for this version of the content. */
  etag: string | null;
  /** Bytes to expect, where known: to find out early that they do not fit. */
  bytes: number | null;
}

/** A cache of weight files. All methods may throw GorpError `store/failed` when the database does. */
export interface WeightStore {
  /** The file's manifest, or null when the file is not (wholly) there. */
  manifest(file: string): Promise<Manifest | null>;
  list(): Promise<Manifest[]>;
  /** Bytes of all files. */
  size(): Promise<number>;
  /**
   * Writes a file from pieces of any size, holding one chunk of it. An earlier file of that name stays readable until
   * the new one is complete. When the pieces or the database fail, nothing of the new file stays.
   *
   * @throws GorpError `store/quota` when it does not fit, and whatever `pieces` throws.
   */
  write(file: string, origin: Origin, pieces: AsyncIterable<Uint8Array>): Promise<Manifest>;
  /**
   * Bytes `begin` to `end` (exclusive) of a file, in memory of their own. Every chunk's hash is checked when this store
   * object first reads it.
   *
   * @throws GorpError `store/missing` when the file is not there; `weights/corrupt-chunk` when a chunk is damaged or
   * gone: the file is removed then, so that it will be downloaded anew.
   */
  read(file: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Removes a file, if it is there. */
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

const MANIFEST = 'manifest/';
const CHUNK = 'chunk/';
const manifestKey = (file: string): string => MANIFEST + file;
const chunkKey = (id: string, index: number): string => `${CHUNK}${id}/${index}`;
const chunkKeys = (id: string, count: number): string[] => Array.from({ length: count }, (_, i) => chunkKey(id, i));

async function loadManifest(values: KeyValue, key: string): Promise<Manifest | null> {
  const parsed = v.safeParse(ManifestSchema, await values.getObject(key));
  return parsed.success ? parsed.output : null;
}

/** Deletes unreadable manifests and chunks that belong to no manifest, save those of a write that goes on elsewhere. */
async function removeLeftovers(values: KeyValue): Promise<void> {
  // In this order: a write that ends in between has its manifest before it stops running.
  const keys = await values.keys();
  const owned = await values.running();
  const leftovers: string[] = [];
  for (const key of keys.filter((key) => key.startsWith(MANIFEST))) {
    const manifest = await loadManifest(values, key);
    if (manifest === null) leftovers.push(key);
    else owned.add(manifest.id);
  }
  leftovers.push(...keys.filter((key) => key.startsWith(CHUNK) && !owned.has(key.split('/')[1])));
  await values.delete(leftovers);
}

class ChunkStore implements WeightStore {
  /** Manifests of files read from, as they were then. */
  readonly #open = new Map<string, Manifest>();
  /** Keys of the chunks whose hash has been found right. */
  readonly #verified = new Set<string>();
  /** The chunk read last: tensors are mostly read in the order in which they lie, many to a chunk. */
  #last: { key: string; bytes: Uint8Array<ArrayBuffer> } | null = null;

  constructor(
    private readonly values: KeyValue,
    private readonly chunkBytes: number,
  ) {}

  manifest(file: string): Promise<Manifest | null> {
    return loadManifest(this.values, manifestKey(file));
  }

  async list(): Promise<Manifest[]> {
    const keys = (await this.values.keys()).filter((key) => key.startsWith(MANIFEST));
    const manifests = await Promise.all(keys.map((key) => loadManifest(this.values, key)));
    return manifests.filter((manifest) => manifest !== null);
  }

  async size(): Promise<number> {
    return (await this.list()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async write(file: string, origin: Origin, pieces: AsyncIterable<Uint8Array>): Promise<Manifest> {
    const room = origin.bytes === null ? null : await this.values.room();
    if (origin.bytes !== null && room !== null && room < origin.bytes) throw noRoom(origin, origin.bytes, room);
    const id = crypto.randomUUID();
    return this.values.run(id, () => this.#write(id, file, origin, pieces));
  }

  async #write(id: string, file: string, origin: Origin, pieces: AsyncIterable<Uint8Array>): Promise<Manifest> {
    const chunks: Manifest['chunks'] = [];
    let bytes = 0;
    let replaced: Manifest | null;
    let manifest: Manifest;
    try {
      for await (const chunk of inChunks(pieces, this.chunkBytes)) {
        bytes += chunk.length;
        chunks.push({ sha256: await sha256(chunk), bytes: chunk.length });
        await this.values.setBytes(chunkKey(id, chunks.length - 1), chunk);
      }
      manifest = { file, id, url: origin.url, etag: origin.etag, bytes, chunkBytes: this.chunkBytes, chunks };
      replaced = await this.manifest(file);
      await this.values.setObject(manifestKey(file), manifest);
    } catch (thrown) {
      // What cannot be deleted now goes when the store is opened next; what made the write fail matters more.
      await this.values.delete(chunkKeys(id, chunks.length)).catch(() => undefined);
      if (thrown instanceof Error && thrown.name === 'QuotaExceededError') {
        throw noRoom(origin, Math.max(bytes, origin.bytes ?? 0), null, thrown);
      }
      throw thrown;
    }
    this.#open.delete(file);
    if (replaced !== null) await this.values.delete(chunkKeys(replaced.id, replaced.chunks.length));
    return manifest;
  }

  async read(file: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
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
      const chunk = await this.#chunk(manifest, index);
      const from = at - index * manifest.chunkBytes;
      const part = chunk.subarray(from, from + end - at);
      out.set(part, at - begin);
      at += part.length;
    }
    return out;
  }

  async #chunk(manifest: Manifest, index: number): Promise<Uint8Array<ArrayBuffer>> {
    const key = chunkKey(manifest.id, index);
    if (this.#last?.key === key) return this.#last.bytes;
    const chunk = await this.values.getBytes(key);
    if (chunk === undefined || !(await this.#isRight(key, chunk, manifest.chunks[index]))) {
      await this.#removeCopy(manifest);
      throw new GorpError(
        'weights/corrupt-chunk',
        `The stored copy of ${manifest.url} is damaged (part ${index + 1} of ${manifest.chunks.length}) and was removed.`,
        'Start again: the file will be downloaded anew.',
      );
    }
    this.#verified.add(key);
    this.#last = { key, bytes: chunk };
    return chunk;
  }

  async #isRight(key: string, chunk: Uint8Array<ArrayBuffer>, expected: Manifest['chunks'][number]): Promise<boolean> {
    if (chunk.length !== expected.bytes) return false;
    return this.#verified.has(key) || (await sha256(chunk)) === expected.sha256;
  }

  async remove(file: string): Promise<void> {
    const manifest = await this.manifest(file);
    if (manifest !== null) await this.#removeCopy(manifest);
  }

  /** Removes what one write left, but not what a later one of the same file has put in its place. */
  async #removeCopy({ file, id, chunks }: Manifest): Promise<void> {
    this.#open.delete(file);
    this.#last = null;
    // The manifest first: a file must never lack chunks.
    if ((await this.manifest(file))?.id === id) await this.values.delete([manifestKey(file)]);
    await this.values.delete(chunkKeys(id, chunks.length));
  }
}

/** The same bytes in chunks of one size, the last one shorter. A chunk is valid until the next one is asked for. */
async function* inChunks(
  pieces: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(chunkBytes);
  let filled = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + chunkBytes - filled);
      buffer.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled === chunkBytes) {
        yield buffer;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield buffer.slice(0, filled);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function noRoom(origin: Origin, needed: number, room: number | null, cause?: unknown): GorpError {
  const has = room === null ? 'the browser has no more room for this page' : `the browser has room for ${room}`;
  const atLeast = origin.bytes === null ? 'at least ' : '';
  return new GorpError(
    'store/quota',
    `${origin.url} needs ${atLeast}${needed} bytes of storage, but ${has}. Nothing of it was kept.`,
    'Remove stored models that are not needed, or free disk space, and start again.',
    { cause },
  );
}
