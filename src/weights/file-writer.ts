import { GorpError } from '../base/errors.ts';
import { randomId } from '../base/random-id.ts';
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

/** Where a file's content comes from. */
export interface Origin {
  url: string;
  /** The server's name for this version of the content. */
  etag: string | null;
  /** Bytes to expect, where known: to find out early that they do not fit. */
  bytes: number | null;
  /** SHA-256 of the whole content in hexadecimal, where known: other content is refused. */
  sha256: string | null;
}

/** Writes one file, holding one chunk of it in memory. */
export interface FileWriter {
  /** What the content so far comes from, that of an interrupted write too; null before {@link begin}. */
  readonly origin: Origin | null;
  /** Bytes kept so far: whole chunks. */
  readonly bytes: number;
  /** Starts from zero: what was kept so far goes. @throws GorpError `store/quota` when the browser has no room. */
  begin(origin: Origin): Promise<void>;
  /**
   * Adds the bytes behind {@link bytes}. When `pieces` fails, the whole chunks that came are kept and the rest is lost.
   *
   * @throws whatever `pieces` throws.
   */
  append(pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** Lets the kept chunks stay when the write fails, so that a later one can resume from them. */
  keep(): void;
}

/** The store's side of {@link FileWriter}: it also ends the write, well or not. */
export class ChunkWriter implements FileWriter {
  readonly #values: KeyValue;
  readonly #file: string;
  #partial: PartialManifest | null;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #filled = 0;
  /** Made before a server is asked: what a broken response has brought and nobody has read by then is lost. */
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

  /** A writer that resumes from what an interrupted write of the file has left, if it has. */
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

  /** The running hash, to be saved; null where no hash is expected, so that none is computed. */
  #state(expected: string | null): string | null {
    return expected === null ? null : this.#hash.state;
  }

  async #save(partial: PartialManifest): Promise<void> {
    this.#partial = partial;
    await this.#values.setObject(partialKey(this.#file), partial);
  }

  #begun(): PartialManifest {
    if (this.#partial === null) throw new Error(`${this.#file} was written to before its write began.`);
    return this.#partial;
  }

  /** Makes what was written the file. @throws GorpError `weights/wrong-hash`. */
  async finish(): Promise<Manifest> {
    const partial = this.#begun();
    const { file, id, url, etag, chunkBytes, sha256 } = partial;
    const chunks = [...partial.chunks];
    const tail = this.#buffer.slice(0, this.#filled);
    if (tail.length > 0) chunks.push(await this.#write(partial, tail));
    // Counted among the chunks to delete, should anything fail from here on.
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

  /** After a failure: deletes what was written, unless it is to be kept. */
  async fail(): Promise<void> {
    // What cannot be deleted now goes when the store is opened next; what made the write fail matters more.
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

/** Deletes an interrupted write; the chunk that it may have written without listing it too. */
export const removePartial = (values: KeyValue, { file, id, chunks }: PartialManifest): Promise<void> =>
  values.delete([partialKey(file), ...chunkKeys(id, chunks.length + 1)]);

/** @throws GorpError `store/quota` when the browser says that there is not so much room. */
export async function requireRoom(values: KeyValue, origin: Pick<Origin, 'url' | 'bytes'>): Promise<void> {
  const room = origin.bytes === null ? null : await values.room();
  if (origin.bytes !== null && room !== null && room < origin.bytes) throw noRoom(origin, origin.bytes, room);
}

/** @param room what the browser says, or null when a write has failed whatever it said. */
export function noRoom(
  { url, bytes }: Pick<Origin, 'url' | 'bytes'>,
  needed: number,
  room: number | null,
  cause?: unknown,
): GorpError {
  const has = room === null ? 'the browser has no more room for this page' : `the browser has room for ${room}`;
  const atLeast = bytes === null ? 'at least ' : '';
  return new GorpError(
    'store/quota',
    `${url} needs ${atLeast}${needed} bytes of storage, but ${has}. Nothing of it was kept.`,
    'Remove stored models that are not needed, or free disk space, and start again.',
    { cause },
  );
}

const wrongHash = (url: string, expected: string | null, got: string | null): GorpError =>
  new GorpError(
    'weights/wrong-hash',
    `${url} came with other content than its publisher lists (SHA-256 ${got}, not ${expected}). Nothing of it was kept.`,
    'Start again. If it stays so, something between the publisher and this machine changes files: use another network.',
  );
