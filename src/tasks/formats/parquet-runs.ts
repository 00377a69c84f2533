import type { ColumnMetaData, Compressors, FileMetaData, ParquetType } from 'hyparquet';

/** A position in the bytes of a page. */
interface Reader {
  readonly view: DataView;
  offset: number;
}

/** Checks the pages of a column. @throws Error if one of them is damaged. */
export type CheckColumn = (column: ColumnMetaData, bytes: Uint8Array<ArrayBuffer>) => void;

/** Values of a page at most. Writers end pages at about a megabyte. */
const MAX_VALUES = 2 ** 25;
/** Values by which the last run may exceed its page, since writers fill groups of eight. */
const FILLED = 512;
/** Encodings whose values come in runs. */
const RUNS = ['RLE', 'RLE_DICTIONARY', 'PLAIN_DICTIONARY'];

/**
 * Finds runs that claim more values than their page has. The library repeats a value as often as its run says, so that a
 * damaged byte in the middle of a file would fill the memory and end the page or the process.
 *
 * @param compressors as the library gets them.
 */
export async function runChecker(metadata: FileMetaData, compressors: Compressors | null): Promise<CheckColumn> {
  const [{ parquetSchema }, { parquetHeader }, { decompressPage }, { readRleBitPackedHybrid }, { readVarInt }, schema] =
    await Promise.all([
      import('hyparquet'),
      import('hyparquet/src/column.js'),
      import('hyparquet/src/datapage.js'),
      import('hyparquet/src/encoding.js'),
      import('hyparquet/src/thrift.js'),
      import('hyparquet/src/schema.js'),
    ]);
  const tree = parquetSchema(metadata);

  /** Walks over the runs of `count` values of `width` bits each. */
  const checkRuns = (view: DataView, begin: number, width: number, count: number): void => {
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

  /** Checks the values of a page, if they come in runs. @param hasLength for values without a byte for their width. */
  const checkValues = ({ view, offset }: Reader, encoding: string, hasLength: boolean, count: number): void => {
    if (!RUNS.includes(encoding)) return;
    if (hasLength) checkRuns(view, offset + 4, 1, count);
    else checkRuns(view, offset + 1, view.getUint8(offset), count);
  };

  const checkPage = (bytes: Uint8Array, header: ReturnType<typeof parquetHeader>, column: PagesOf): void => {
    const { codec, type, repetition, definition } = column;
    const unpack = (part: Uint8Array, size: number): DataView => {
      const { buffer, byteOffset, byteLength } = decompressPage(part, size, codec, column.compressors);
      return new DataView(buffer, byteOffset, byteLength);
    };
    const { data_page_header: one, data_page_header_v2: two, dictionary_page_header: dictionary } = header;
    const count = (one ?? two ?? dictionary)?.num_values ?? 0;
    // A field that a damaged header lacks would be a position that never moves.
    for (const size of [count, ...(two ? [two.num_nulls, ...lengthsOf(two)] : [])])
      if (!(size >= 0 && size <= MAX_VALUES)) throw new Error(`a page of ${size} values`);
    if (header.type === 'DATA_PAGE' && one) {
      const reader: Reader = { view: unpack(bytes, Number(header.uncompressed_page_size)), offset: 0 };
      if (repetition > 0) readLevels(reader, repetition, count);
      const levels = definition > 0 ? readLevels(reader, definition, count) : [];
      const missing = levels.reduce((sum, level) => sum + (level === definition ? 0 : 1), 0);
      checkValues(reader, one.encoding, type === 'BOOLEAN', count - missing);
    } else if (header.type === 'DATA_PAGE_V2' && two) {
      const [first, second] = lengthsOf(two);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (repetition > 0) checkRuns(view, 0, bitsOf(repetition), count);
      if (definition > 0) checkRuns(view, first, bitsOf(definition), count);
      const size = Number(header.uncompressed_page_size) - first - second;
      const rest = bytes.subarray(first + second);
      const isPacked = two.is_compressed !== false && size > 0;
      const values = isPacked ? unpack(rest, size) : new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
      if (values.byteLength > 0)
        checkValues({ view: values, offset: 0 }, two.encoding, two.encoding === 'RLE', count - two.num_nulls);
    }
  };

  return (meta, bytes) => {
    const path = schema.getTreePath(tree, meta.path_in_schema);
    const column: PagesOf = {
      codec: meta.codec,
      type: meta.type,
      compressors: compressors ?? undefined,
      repetition: schema.getMaxRepetitionLevel(path),
      definition: schema.getMaxDefinitionLevel(path),
    };
    const reader: Reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    while (reader.offset < bytes.byteLength - 1) {
      const header = parquetHeader(reader);
      const size = Number(header.compressed_page_size);
      if (!(size >= 0)) throw new Error(`a page of ${size} bytes`);
      checkPage(bytes.subarray(reader.offset, reader.offset + size), header, column);
      reader.offset += size;
    }
  };
}

/** What the pages of a column have in common. */
interface PagesOf {
  readonly codec: ColumnMetaData['codec'];
  readonly type: ParquetType;
  readonly compressors: Compressors | undefined;
  /** Highest levels; 0 if the pages have none. */
  readonly repetition: number;
  readonly definition: number;
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

/** Bits of a level from 0 to `most`. */
const bitsOf = (most: number): number => 32 - Math.clz32(most);
