import type { Gunzip } from 'fflate';
import type { Compressors } from 'hyparquet';

/** Codecs of Parquet that can be read. */
export const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4', 'LZ4_RAW'] as const;

type Unpack = (input: Uint8Array, length: number) => Uint8Array;

/**
 * Decompressors of pages. Each gives at most as many bytes as the page says it has, since a few bytes can stand for any
 * number, and ends as soon as there are more. They are loaded when the first compressed file is read.
 *
 * @param onUnpack called with the bytes of a page before it is unpacked; may throw.
 */
export async function compressorsOf(onUnpack: (bytes: number) => void): Promise<Compressors> {
  const [read, { ZSTDDecoder }, gzip, { BrotliOutput }] = await Promise.all([
    import('hyparquet-compressors'),
    import('zstddec'),
    import('fflate'),
    import('hyparquet-compressors/src/brotli.streams.js'),
  ]);
  refuseGrowth(BrotliOutput);
  const zstd = new ZSTDDecoder();
  await zstd.init();
  const counted =
    (unpack: Unpack): Unpack =>
    (input, length) => {
      // Some codecs write an empty page as something that their readers refuse.
      if (length === 0) return new Uint8Array(0);
      onUnpack(length);
      return unpack(input, length);
    };
  return {
    SNAPPY: counted((input, length) => {
      checkLength(snappyLength(input), length);
      return read.decompressSnappy(input, length);
    }),
    GZIP: counted((input, length) => unpackedGzip(gzip.Gunzip, input, length)),
    BROTLI: counted(read.decompressBrotli),
    ZSTD: counted((input, length) => {
      const page = zstd.decode(input, length);
      // Of what it cannot unpack into so many bytes, the decoder returns no bytes.
      checkLength(page.length, length);
      return page;
    }),
    LZ4: counted((input, length) => unpackedLz4(read.decompressLz4, read.decompressLz4Raw, input, length)),
    LZ4_RAW: counted((input, length) => {
      checkLength(lz4Length(input, length), length);
      return read.decompressLz4Raw(input, length);
    }),
  };
}

const tooLong = (length: number): Error => new Error(`a page unpacks to more than its ${length} bytes`);

/** @throws Error if a page has another length than its compressed bytes: their reader would cut it, or fill it up. */
function checkLength(found: number, length: number): void {
  if (found > length) throw tooLong(length);
  if (found < length) throw new Error(`a page unpacks to ${found} of its ${length} bytes`);
}

/** The length that precedes the data of Snappy, a number in groups of seven bits. */
function snappyLength(input: Uint8Array): number {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = input[at] ?? 0;
    length += (byte & 127) * 2 ** (7 * at);
    if (byte < 128) break;
  }
  return length;
}

/** Compressed bytes of gzip that are unpacked at once: they become a thousand times as many at most. */
const GZIP_PIECE = 2 ** 15;

function unpackedGzip(Stream: typeof Gunzip, input: Uint8Array, length: number): Uint8Array {
  const page = new Uint8Array(length);
  let unpacked = 0;
  const stream = new Stream((piece) => {
    if (unpacked + piece.length > length) throw tooLong(length);
    page.set(piece, unpacked);
    unpacked += piece.length;
  });
  for (let at = 0; at < input.length; at += GZIP_PIECE)
    stream.push(input.subarray(at, at + GZIP_PIECE), at + GZIP_PIECE >= input.length);
  checkLength(unpacked, length);
  return page;
}

/** Blocks with their sizes before them, as Hadoop writes LZ4, or a single block without. */
function unpackedLz4(framed: Unpack, raw: Unpack, input: Uint8Array, length: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let [at, unpacked] = [0, 0];
  while (at + 8 <= input.length) {
    const [bytes, packed] = [view.getUint32(at), view.getUint32(at + 4)];
    if (at + 8 + packed > input.length || lz4Length(input.subarray(at + 8, at + 8 + packed), length) !== bytes) break;
    at += 8 + packed;
    unpacked += bytes;
  }
  if (at === input.length && unpacked === length) return framed(input, length);
  checkLength(lz4Length(input, length), length);
  return raw(input, length);
}

/** Bytes that a block of LZ4 unpacks to, by the lengths in it (LZ4 block format); if more than `most`, some number above. */
function lz4Length(block: Uint8Array, most: number): number {
  let [at, bytes] = [0, 0];
  const more = (length: number): number => {
    if (length < 15) return length;
    for (let byte = 255; byte === 255; length += byte) byte = block[at++] ?? 0;
    return length;
  };
  while (at < block.length && bytes <= most) {
    const token = block[at++];
    const literals = more(token >> 4);
    at += literals;
    bytes += literals;
    if (at >= block.length) break;
    at += 2;
    bytes += 4 + more(token & 15);
  }
  return bytes;
}

/** The outputs of the library's Brotli reader, each with its page. */
const PAGES = new WeakMap<object, Uint8Array>();

/** The library assigns a larger output whenever more comes than fits into the last. Now the second is refused. */
function refuseGrowth({ prototype }: { prototype: { buffer: Uint8Array } }): void {
  Object.defineProperty(prototype, 'buffer', {
    configurable: true,
    get(this: object) {
      return PAGES.get(this);
    },
    set(this: object, page: Uint8Array) {
      const first = PAGES.get(this);
      if (first !== undefined) throw tooLong(first.length);
      PAGES.set(this, page);
    },
  });
}
