import type { Gunzip } from 'fflate';
import type { ColumnMetaData, Compressors, ParquetType } from 'hyparquet';
import { checkThrift, type Leaf } from './parquet-footer.ts';

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

/** A position in the bytes of a page. */
interface Reader {
  readonly view: DataView;
  offset: number;
}

/**
 * Checks the pages of a column.
 *
 * @param bytes its pages.
 * @param rows how many of its first rows are read.
 * @throws Error if a page is damaged, and what the functions that are called on the way throw.
 */
export type CheckColumn = (column: ColumnMetaData, leaf: Leaf, bytes: Uint8Array<ArrayBuffer>, rows: number) => void;

/** Values by which the last run may exceed its page, since writers fill groups of eight. */
const FILLED = 512;
/** Encodings whose values come in runs. */
const RUNS = ['RLE', 'RLE_DICTIONARY', 'PLAIN_DICTIONARY'];
/** Fields and list entries in the header of a page, its statistics among them. */
const HEADER_ENTRIES = 1000;
/** The cost of a page beside its values, in values. */
const PAGE = 100;
/** Bits of a level or of an index into a dictionary. */
const MAX_WIDTH = 32;

/**
 * Checks pages before the library decodes them. A header of a few bytes can claim any number of values, and the library
 * makes room for them, repeats a value as often as its run says, and copies what a value shares with the one before it.
 *
 * @param compressors as the library gets them; none if nothing is compressed.
 * @param onValues called with the values of each page, before it is unpacked, where a value within lists counts for each of
 *   them too; may throw.
 * @param onBytes called with the bytes of texts that share a beginning, before they are written out; may throw.
 */
export async function pageChecker(
  compressors: Compressors | undefined,
  onValues: (values: number) => void,
  onBytes: (bytes: number) => void,
): Promise<CheckColumn> {
  const [{ parquetHeader }, { decompressPage }, { readRleBitPackedHybrid }, { deltaBinaryUnpack }, { readVarInt }] =
    await Promise.all([
      import('hyparquet/src/column.js'),
      import('hyparquet/src/datapage.js'),
      import('hyparquet/src/encoding.js'),
      import('hyparquet/src/delta.js'),
      import('hyparquet/src/thrift.js'),
    ]);

  /** Walks over the runs of `count` values of `width` bits each. */
  const checkRuns = (view: DataView, begin: number, width: number, count: number): void => {
    if (width > MAX_WIDTH) throw new Error(`a page has values of ${width} bits`);
    const reader: Reader = { view, offset: begin };
    let left = count;
    while (left > 0 && reader.offset < view.byteLength) {
      const header = readVarInt(reader);
      const isPacked = (header & 1) === 1;
      const values = isPacked ? 8 * (header >>> 1) : header >>> 1;
      if (values > left + FILLED) throw new Error(`a page has ${left} values left, but a run of ${values}`);
      reader.offset += isPacked ? (values / 8) * width : (width + 7) >> 3;
      left -= values;
    }
  };

  /** Reads levels from 0 to `most`, their length before them. */
  const readLevels = (reader: Reader, most: number, count: number): number[] => {
    const width = bitsOf(most);
    checkRuns(reader.view, reader.offset + 4, width, count);
    const levels = new Array<number>(count);
    readRleBitPackedHybrid(reader, width, levels);
    return levels;
  };

  /** Walks over `count` differences; their blocks say how many bits each has. Leaves the reader after them. */
  const checkDeltas = (reader: Reader, count: number): void => {
    const { view } = reader;
    const [block, parts] = [readVarInt(reader), readVarInt(reader)];
    const values = block / parts;
    if (!(parts > 0 && values >= 8 && values % 8 === 0 && block <= 2 ** 20))
      throw new Error(`a page has blocks of ${block} differences in ${parts} parts`);
    const number = (): void => {
      const begin = reader.offset;
      while (view.getUint8(reader.offset++) >= 128)
        if (reader.offset - begin >= 10) throw new Error('a page has a difference of more than 64 bits');
    };
    number();
    number(); // the first value
    for (let left = count - 1; left > 0; left -= block) {
      number();
      const widths = reader.offset;
      reader.offset += parts;
      for (let part = 0; part < parts && part * values < left; part++) {
        const width = view.getUint8(widths + part);
        if (width > 64) throw new Error(`a page has differences of ${width} bits`);
        reader.offset += (values * width) / 8;
      }
    }
  };

  /** Reads lengths, which come as differences. */
  const readLengths = (reader: Reader, count: number): Int32Array => {
    checkDeltas({ ...reader }, count);
    const lengths = new Int32Array(count);
    deltaBinaryUnpack(reader, count, lengths);
    if (lengths.some((length) => length < 0)) throw new Error('a page has values of negative length');
    return lengths;
  };

  /** Checks the values of a page. @param hasLength for values in runs without a byte for their width. */
  const checkValues = (
    reader: Reader,
    encoding: string,
    { leaf, type }: PagesOf,
    hasLength: boolean,
    count: number,
  ): void => {
    const { view, offset } = reader;
    if (count === 0) return;
    if (encoding === 'PLAIN' && type === 'BYTE_ARRAY') {
      for (let [left, at] = [count, offset]; left > 0; left--) {
        at += 4 + (at + 4 <= view.byteLength ? view.getUint32(at, true) : 0);
        if (at > view.byteLength) throw new Error(`a page lacks ${left} of its ${count} values`);
      }
    } else if (encoding === 'PLAIN' || encoding === 'BYTE_STREAM_SPLIT') {
      const bytes = (count * bitsOfType(type, leaf.element.type_length)) / 8;
      if (!(offset + bytes <= view.byteLength)) throw new Error(`a page has less than its ${count} values`);
    } else if (RUNS.includes(encoding)) {
      if (hasLength) checkRuns(view, offset + 4, 1, count);
      else checkRuns(view, offset + 1, view.getUint8(offset), count);
    } else if (encoding === 'DELTA_BINARY_PACKED' || encoding === 'DELTA_LENGTH_BYTE_ARRAY') {
      checkDeltas({ ...reader }, count);
    } else if (encoding === 'DELTA_BYTE_ARRAY') {
      const lengths = [readLengths(reader, count), readLengths(reader, count)];
      onBytes(lengths.reduce((sum, some) => some.reduce((a, b) => a + b, sum), 0));
    }
  };

  const checkPage = (bytes: Uint8Array, header: ReturnType<typeof parquetHeader>, pages: PagesOf): number => {
    const { codec, type, leaf } = pages;
    const { repetition, definition } = leaf;
    const unpack = (part: Uint8Array, size: number): DataView => {
      const { buffer, byteOffset, byteLength } = decompressPage(part, size, codec, compressors);
      return new DataView(buffer, byteOffset, byteLength);
    };
    const { data_page_header: one, data_page_header_v2: two, dictionary_page_header: dictionary } = header;
    const count = (one ?? two ?? dictionary)?.num_values ?? 0;
    // A field that a damaged header lacks would be a position that never moves.
    for (const size of [count, ...(two ? [two.num_nulls, ...lengthsOf(two)] : [])])
      if (!(size >= 0)) throw new Error(`a page of ${size} values`);
    onValues(PAGE + count * (dictionary || isFlat(leaf) ? 1 : 1 + definition));
    if (header.type === 'DATA_PAGE' && one) {
      const reader: Reader = { view: unpack(bytes, Number(header.uncompressed_page_size)), offset: 0 };
      if (repetition > 0) readLevels(reader, repetition, count);
      const levels = definition > 0 ? readLevels(reader, definition, count) : [];
      const missing = levels.reduce((sum, level) => sum + (level === definition ? 0 : 1), 0);
      checkValues(reader, one.encoding, pages, type === 'BOOLEAN', count - missing);
    } else if (header.type === 'DATA_PAGE_V2' && two) {
      const [first, second] = lengthsOf(two);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (repetition > 0) checkRuns(view, 0, bitsOf(repetition), count);
      if (definition > 0) checkRuns(view, first, bitsOf(definition), count);
      const size = Number(header.uncompressed_page_size) - first - second;
      const rest = bytes.subarray(first + second);
      const isPacked = two.is_compressed !== false && size > 0;
      const values = isPacked ? unpack(rest, size) : new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
      const filled = count - two.num_nulls;
      if (values.byteLength > 0)
        checkValues({ view: values, offset: 0 }, two.encoding, pages, two.encoding === 'RLE', filled);
    } else if (dictionary) {
      const view = unpack(bytes, Number(header.uncompressed_page_size));
      checkValues({ view, offset: 0 }, 'PLAIN', pages, false, count);
    }
    return dictionary ? 0 : count;
  };

  return ({ codec, type }, leaf, bytes, rows) => {
    const reader: Reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    // Of a column without lists, the library reads as many pages as have these rows.
    const most = isFlat(leaf) ? rows : Infinity;
    for (let read = 0; read < most && reader.offset < bytes.byteLength - 1;) {
      checkThrift(reader.view, reader.offset, HEADER_ENTRIES);
      const header = parquetHeader(reader);
      const size = Number(header.compressed_page_size);
      if (!(size >= 0 && size <= bytes.byteLength - reader.offset)) throw new Error(`a page of ${size} bytes`);
      read += checkPage(bytes.subarray(reader.offset, reader.offset + size), header, { codec, type, leaf });
      reader.offset += size;
    }
  };
}

/** The facts that the pages of a column share. */
interface PagesOf {
  readonly codec: ColumnMetaData['codec'];
  /** The type by which the library decodes them. */
  readonly type: ParquetType;
  readonly leaf: Leaf;
}

/** The part of a page's header, in version 2, that says where its levels end. */
interface LevelBytes {
  readonly repetition_levels_byte_length: number;
  readonly definition_levels_byte_length: number;
}

const lengthsOf = (page: LevelBytes): [repetition: number, definition: number] => [
  page.repetition_levels_byte_length,
  page.definition_levels_byte_length,
];

/** Whether a row has one value of a column at most. */
const isFlat = ({ path, repetition }: Leaf): boolean => path.length === 1 && repetition === 0;

/** Bits of a level from 0 to `most`. */
const bitsOf = (most: number): number => 32 - Math.clz32(most);

const BITS: Partial<Record<ParquetType, number>> = {
  BOOLEAN: 1,
  INT32: 32,
  FLOAT: 32,
  INT64: 64,
  DOUBLE: 64,
  INT96: 96,
};

/** Bits of a value of a type. @param length of one of fixed length, in bytes. */
const bitsOfType = (type: ParquetType, length = 0): number => BITS[type] ?? 8 * length;
