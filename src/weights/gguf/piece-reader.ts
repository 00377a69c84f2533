import { ARRAYS, type NumberType } from './values.ts';

/** A file that is read from its start in pieces. */
export interface Pieces {
  /** Bytes of the whole file; null if unknown. */
  readonly bytes: number | null;
  /** Bytes `begin` to `end` (exclusive); fewer at the end of the file. */
  read(begin: number, end: number): Promise<Uint8Array>;
}

/** The first piece holds the header of a model of 50,000 tokens; the next ones grow, for few requests. */
export const FIRST_PIECE = 2 ** 21;
const LARGEST_PIECE = 2 ** 23;

/** Reads little-endian values from the start of a file, and fetches more of it only when it is needed. */
export class PieceReader {
  readonly #file: Pieces;
  readonly #maxBytes: number;
  readonly #refuse: (problem: string) => never;
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #bytes = new Uint8Array(0);
  /** Bytes read so far; `#bytes` has room for more. */
  #end = 0;
  #view = new DataView(this.#bytes.buffer);
  #piece = FIRST_PIECE;
  /** Bytes taken so far. */
  at = 0;

  /** @param maxBytes of the file that may be read. @param refuse throws the error for a file that cannot be right. */
  constructor(file: Pieces, maxBytes: number, refuse: (problem: string) => never) {
    this.#file = file;
    this.#maxBytes = maxBytes;
    this.#refuse = refuse;
  }

  /** Makes sure that so many bytes can be taken. Bytes that the file cannot have are never asked for. */
  async ensure(count: number): Promise<void> {
    const needed = this.at + count;
    if (needed <= this.#end) return;
    const { bytes } = this.#file;
    if (bytes !== null && needed > bytes) this.#refuse(`it ends after ${bytes} bytes, within its header`);
    if (needed > this.#maxBytes) this.#refuse(`its header has more than ${this.#maxBytes} bytes`);
    while (this.#end < needed) {
      const end = Math.min(Math.max(needed, this.#end + this.#piece), bytes ?? Infinity, this.#maxBytes);
      const part = await this.#file.read(this.#end, end);
      if (part.length === 0) this.#refuse(`it ends after ${this.#end} bytes, within its header`);
      this.#append(part);
      this.#piece = Math.min(2 * this.#piece, LARGEST_PIECE);
    }
  }

  #append(part: Uint8Array): void {
    if (this.#end + part.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#end + part.length, Math.min(2 * this.#bytes.length, this.#maxBytes)));
      grown.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#bytes.set(part, this.#end);
    this.#end += part.length;
  }

  async uint32(): Promise<number> {
    if (this.at + 4 > this.#end) await this.ensure(4);
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }

  /** A 64-bit count. @param of what, in words. */
  async count(of: string, max: number): Promise<number> {
    if (this.at + 8 > this.#end) await this.ensure(8);
    const count = this.#view.getUint32(this.at, true) + 2 ** 32 * this.#view.getUint32(this.at + 4, true);
    this.at += 8;
    if (count > max) this.#refuse(`it claims to have ${count} ${of}; ${max} are allowed`);
    return count;
  }

  /** @param what in words. */
  async string(what: string, maxBytes: number): Promise<string> {
    const bytes = await this.count(`bytes in ${what}`, maxBytes);
    if (this.at + bytes > this.#end) await this.ensure(bytes);
    this.at += bytes;
    try {
      return this.#text.decode(this.#bytes.subarray(this.at - bytes, this.at));
    } catch {
      return this.#refuse(`${what} is not UTF-8 text`);
    }
  }

  /** Numbers of one type, in memory of their own. */
  async numbers(type: NumberType, count: number): Promise<ArrayLike<number | bigint>> {
    const form = ARRAYS[type];
    const bytes = count * form.BYTES_PER_ELEMENT;
    await this.ensure(bytes);
    this.at += bytes;
    return new form(this.#bytes.slice(this.at - bytes, this.at).buffer);
  }

  /** The first bytes of the file, which have been read. */
  readSoFar(end: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, end);
  }
}
