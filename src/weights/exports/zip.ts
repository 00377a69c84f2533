import { Deflate } from 'fflate';
import type { IHasher } from 'hash-wasm';
import type { OutputFile } from './output-file.ts';

/**
 * Writes zip archives as a stream: a data descriptor after each file holds its sizes and checksum, and the directory at
 * the end repeats them. Uses 64-bit fields throughout (zip64), since a model's size is not known in advance. PKWARE
 * APPNOTE 6.3.10, sections 4.3 and 4.5.3.
 */

const STORE = 0;
const DEFLATE = 8;
/** Sizes in a data descriptor (bit 3), names in UTF-8 (bit 11). */
const FLAGS = 0x0808;
const VERSION_ZIP64 = 45;
/** Marks a 32- or 16-bit field whose value is in the zip64 field. */
const ELSEWHERE_32 = 0xffffffff;
const ELSEWHERE_16 = 0xffff;
/** 1 January 1980, the format's first day, so that the same files give the same archive. */
const DATE = 0x0021;

/** Weights look like noise to a compressor, so they are stored uncompressed. */
const isNoise = (path: string): boolean => /\.(safetensors|onnx_data(_\d+)?)$/.test(path);

interface Entry {
  name: Uint8Array;
  method: number;
  offset: number;
  crc: number;
  compressed: number;
  size: number;
}

/**
 * Zips many files as a stream, with only the current piece in memory.
 *
 * @param onFile called when a file starts.
 */
export async function* zipped(
  files: Iterable<OutputFile> | AsyncIterable<OutputFile>,
  onFile: (path: string) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const { createCRC32 } = await import('hash-wasm');
  const checksum = await createCRC32();
  const entries: Entry[] = [];
  let written = 0;
  for await (const { path, content } of files) {
    onFile(path);
    const method = isNoise(path) ? STORE : DEFLATE;
    const name = new TextEncoder().encode(path);
    const entry: Entry = { name, method, offset: written, crc: 0, compressed: 0, size: 0 };
    const header = localHeader(entry);
    yield header;
    for await (const piece of packed(content(), entry, checksum)) {
      entry.compressed += piece.length;
      yield piece;
    }
    const descriptor = dataDescriptor(entry);
    yield descriptor;
    written += header.length + entry.compressed + descriptor.length;
    entries.push(entry);
  }
  let directory = 0;
  for (const entry of entries) {
    const header = directoryHeader(entry);
    directory += header.length;
    yield header;
  }
  yield end(entries.length, written, directory);
}

/** The bytes of a file as stored in the archive. Counts them, and takes their checksum. */
async function* packed(
  content: AsyncIterable<Uint8Array>,
  entry: Entry,
  checksum: IHasher,
): AsyncGenerator<Uint8Array> {
  checksum.init();
  let ready: Uint8Array[] = [];
  const deflate = new Deflate((piece) => ready.push(piece));
  for await (const piece of content) {
    checksum.update(piece);
    entry.size += piece.length;
    if (entry.method === STORE) {
      yield piece;
      continue;
    }
    deflate.push(piece);
    yield* ready;
    ready = [];
  }
  entry.crc = parseInt(checksum.digest(), 16);
  if (entry.method === STORE) return;
  deflate.push(new Uint8Array(0), true);
  yield* ready;
}

function localHeader({ name, method }: Entry): Uint8Array {
  return new Fields(30 + name.length + 20)
    .u32(0x04034b50)
    .u16(VERSION_ZIP64)
    .u16(FLAGS)
    .u16(method)
    .u16(0)
    .u16(DATE)
    .u32(0)
    .u32(ELSEWHERE_32)
    .u32(ELSEWHERE_32)
    .u16(name.length)
    .u16(20)
    .raw(name)
    .u16(1)
    .u16(16)
    .u64(0)
    .u64(0).bytes;
}

const dataDescriptor = ({ crc, compressed, size }: Entry): Uint8Array =>
  new Fields(24).u32(0x08074b50).u32(crc).u64(compressed).u64(size).bytes;

function directoryHeader({ name, method, offset, crc, compressed, size }: Entry): Uint8Array {
  return new Fields(46 + name.length + 28)
    .u32(0x02014b50)
    .u16(VERSION_ZIP64)
    .u16(VERSION_ZIP64)
    .u16(FLAGS)
    .u16(method)
    .u16(0)
    .u16(DATE)
    .u32(crc)
    .u32(ELSEWHERE_32)
    .u32(ELSEWHERE_32)
    .u16(name.length)
    .u16(28)
    .u16(0)
    .u16(0)
    .u16(0)
    .u32(0)
    .u32(ELSEWHERE_32)
    .raw(name)
    .u16(1)
    .u16(24)
    .u64(size)
    .u64(compressed)
    .u64(offset).bytes;
}

/** @param begin where the directory begins, and @param length its bytes. */
function end(count: number, begin: number, length: number): Uint8Array {
  return new Fields(56 + 20 + 22)
    .u32(0x06064b50)
    .u64(44)
    .u16(VERSION_ZIP64)
    .u16(VERSION_ZIP64)
    .u32(0)
    .u32(0)
    .u64(count)
    .u64(count)
    .u64(length)
    .u64(begin)
    .u32(0x07064b50)
    .u32(0)
    .u64(begin + length)
    .u32(1)
    .u32(0x06054b50)
    .u16(0)
    .u16(0)
    .u16(ELSEWHERE_16)
    .u16(ELSEWHERE_16)
    .u32(ELSEWHERE_32)
    .u32(ELSEWHERE_32)
    .u16(0).bytes;
}

/** Consecutive little-endian fields. */
class Fields {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  u16(value: number): this {
    this.#view.setUint16((this.#at += 2) - 2, value, true);
    return this;
  }
  u32(value: number): this {
    this.#view.setUint32((this.#at += 4) - 4, value, true);
    return this;
  }
  u64(value: number): this {
    this.#view.setBigUint64((this.#at += 8) - 8, BigInt(value), true);
    return this;
  }
  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }
}
