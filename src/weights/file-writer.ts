import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { randomId } from '../base/random.ts';
import { Sha256, sha256Of } from '../base/sha256.ts';
import type { KeyValue } from './key-value.ts';
import {
  chunkKey,
  chunkKeys,
  loadManifest,
  loadPartial,
  type Manifest,
  manifestKey,
  type PartialManifest,
  partialKey,
} from './store-format.ts';

/** The source of a file's content. */
export interface Origin {
  url: string;
  /** The server's name for this version of the content. */
  etag: string | null;
  /** Expected bytes, if known, to detect early that they do not fit. */
  bytes: number | null;
  /** SHA-256 of the whole content in hexadecimal, if known; other content is refused. */
  sha256: string | null;
}

/** Writes one file, holding one chunk of it in memory. */
export interface FileWriter {
  /** The source of the content so far, also after an interrupted write; null before {@link begin}. */
  readonly origin: Origin | null;
  /** Bytes stored so far, in whole chunks. */
  readonly bytes: number;
  /** Starts from zero and discards what was stored. @throws GorpError `store/quota` when the browser has no room. */
  begin(origin: Origin): Promise<void>;
  /**
   * Appends bytes after the first {@link bytes}. If `pieces` fails, the whole chunks received so far stay and the rest
   * is lost.
   *
   * @throws whatever `pieces` throws.
   */
  append(pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** Leaves the stored chunks in place if the write fails, so that a later write can resume. */
  keep(): void;
}

/** The store's side of {@link FileWriter}: also ends the write, whether it succeeded or failed. */
export class ChunkWriter implements FileWriter {
  readonly #values: KeyValue;
  readonly #file: string;
  #partial: PartialManifest | null;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #filled = 0;
  /** Created before any request: unread data of a broken response would be lost while waiting for it. */
  readonly #hash: Sha256;
  #isKept = false;

  private constructor(
    values: KeyValue,
    file: string,
    readonly chunkBytes: number,
    partial: PartialManifest | null,
    hash: Sha256,
  ) {
    this.#values = values;
    this.#file = file;
    this.#partial = partial;
    this.#buffer = new Uint8Array(chunkBytes);
    this.#hash = hash;
  }

  /** Opens a writer, which resumes an interrupted write of the file if there is one. */
  static async open(values: KeyValue, file: string, chunkBytes: number): Promise<ChunkWriter> {
    const partial = await loadPartial(values, file);
    const hash = partial?.hash == null ? await Sha256.begin() : await Sha256.from(partial.hash);
    if (hash !== null) return new ChunkWriter(values, file, partial?.chunkBytes ?? chunkBytes, partial, hash);
    if (partial !== null) await removePartial(values, partial);
    return new ChunkWriter(values, file, chunkBytes, null, await Sha256.begin());
  }

  get origin(): Origin | null {
    return this.#partial;
  }

  get bytes(): number {
    return (this.#partial?.chunks.length ?? 0) * this.chunkBytes;
  }

  async begin(origin: Origin): Promise<void> {
    await this.discard();
    await requireRoom(this.#values, origin);
    const { url, etag, bytes, sha256 } = origin;
    this.#hash.restart();
    await this.#save({
      file: this.#file,
      id: randomId(),
      url,
      etag,
      bytes,
      sha256,
      chunkBytes: this.chunkBytes,
      chunks: [],
      hash: this.#state(sha256),
    });
  }

  async append(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    this.#filled = 0;
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length;) {
        const part = piece.subarray(at, at + this.chunkBytes - this.#filled);
        this.#buffer.set(part, this.#filled);
        at += part.length;
        this.#filled += part.length;
        if (this.#filled === this.chunkBytes) await this.#addChunk(this.#begun());
      }
    }
  }

  keep(): void {
    this.#isKept = true;
  }

  /** Writes a full buffer as the next chunk. */
  async #addChunk(partial: PartialManifest): Promise<void> {
    const chunk = await this.#write(partial, this.#buffer);
    this.#filled = 0;
    await this.#save({ ...partial, chunks: [...partial.chunks, chunk], hash: this.#state(partial.sha256) });
  }

  async #write(
    { id, chunks, sha256: expected }: PartialManifest,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<PartialManifest['chunks'][number]> {
    const sha256 = await sha256Of(bytes);
    await this.#values.setBytes(chunkKey(id, chunks.length), bytes);
    if (expected !== null) this.#hash.update(bytes);
    return { sha256, bytes: bytes.length };
  }

  /** The state of the running hash, to be saved; null if no hash is expected or computed. */
  #state(expected: string | null): string | null {
    return expected === null ? null : this.#hash.state;
  }

  async #save(partial: PartialManifest): Promise<void> {
    this.#partial = partial;
    await this.#values.setObject(partialKey(this.#file), partial);
  }

  #begun(): PartialManifest {
    if (this.#partial === null) throw new Error(`${this.#file} was appended to before begin().`);
    return this.#partial;
  }

  /** Completes the file. @throws GorpError `weights/wrong-hash`. */
  async finish(): Promise<Manifest> {
    const partial = this.#begun();
    const { file, id, url, etag, chunkBytes, sha256 } = partial;
    const chunks = [...partial.chunks];
    const tail = this.#buffer.slice(0, this.#filled);
    if (tail.length > 0) chunks.push(await this.#write(partial, tail));
    // Lists the last chunk for deletion if anything fails from here on.
    this.#partial = { ...partial, chunks };
    const bytes = this.bytes - (tail.length > 0 ? chunkBytes - tail.length : 0);
    const digest = sha256 === null ? null : this.#hash.digest();
    if (digest !== sha256) throw wrongHash(url, sha256, digest);
    const replaced = await loadManifest(this.#values, file);
    const manifest: Manifest = { file, id, url, etag, bytes, chunkBytes, chunks };
    await this.#values.setObject(manifestKey(file), manifest);
    await this.#values.delete([partialKey(file), ...(replaced === null ? [] : chunkKeysOf(replaced))]);
    return manifest;
  }

  /** After a failure: deletes what was written, unless keep() was called. */
  async fail(): Promise<void> {
    // Leftovers are deleted when the store is next opened; the original error matters more.
    if (!this.#isKept) await this.discard().catch(() => undefined);
  }

  async discard(): Promise<void> {
    const partial = this.#partial;
    this.#partial = null;
    this.#filled = 0;
    if (partial !== null) await removePartial(this.#values, partial);
  }
}

const chunkKeysOf = ({ id, chunks }: Pick<Manifest, 'id' | 'chunks'>): string[] => chunkKeys(id, chunks.length);

/** Deletes an interrupted write, including a chunk that it may have written but not listed. */
export const removePartial = (values: KeyValue, { file, id, chunks }: PartialManifest): Promise<void> =>
  values.delete([partialKey(file), ...chunkKeys(id, chunks.length + 1)]);

/** @throws GorpError `store/quota` when the browser reports too little room. */
export async function requireRoom(values: KeyValue, origin: Pick<Origin, 'url' | 'bytes'>): Promise<void> {
  const room = origin.bytes === null ? null : await values.room();
  if (origin.bytes !== null && room !== null && room < origin.bytes) throw noRoom(origin, origin.bytes, room);
}

/** @param room what the browser reports; null if a write failed although there seemed to be room. */
export function noRoom(
  { url, bytes }: Pick<Origin, 'url' | 'bytes'>,
  needed: number,
  room: number | null,
  cause?: unknown,
): GorpError {
  const has =
    room === null ? 'the browser has no more room for this page' : `the browser has room for ${formatBytes(room)}`;
  const atLeast = bytes === null ? 'at least ' : '';
  return new GorpError(
    'store/quota',
    `${url} needs ${atLeast}${formatBytes(needed)} of storage, but ${has}. Nothing was stored.`,
    'Remove models you no longer need or free disk space, then start again.',
    { cause },
  );
}

const wrongHash = (url: string, expected: string | null, got: string | null): GorpError =>
  new GorpError(
    'weights/wrong-hash',
    `The content of ${url} is not what its publisher lists (SHA-256 ${got}, not ${expected}). Nothing was stored.`,
    'Start again. If the error persists, something between you and the server changes files: use another network.',
  );
