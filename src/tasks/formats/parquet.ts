import type { Decompress as ZstdStream } from 'fzstd';
import type { ColumnMetaData, Compressors, FileMetaData, ParquetParsers } from 'hyparquet';
import { GorpError, type ErrorCode } from '../../base/errors.ts';
import { formatBytes } from '../../base/format-bytes.ts';
import { tabulated, withExactNumbers } from '../json-rows.ts';
import type { JsonRecords } from '../records.ts';
import { type CheckColumn, runChecker } from './parquet-runs.ts';

/** Part of a file, by bytes: a Blob, a file on disk, or an address that answers ranges. */
export interface ByteSource {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4', 'LZ4_RAW'];
// Compressed columns of a small file can fill the memory.
const MAX_UNPACKED = 2 ** 29;

/**
 * Reads the rows of a Parquet file. The library is loaded with the first such file, and its decompressors with the
 * first file that needs them.
 *
 * @param maxRows number of first rows to read.
 * @returns the rows, and how many there are in `total`.
 * @throws GorpError `tasks/bad-parquet`; `tasks/parquet-codec` if a column is compressed in a way that cannot be read;
 *   `tasks/too-large`; `tasks/wrong-shape`. Errors of the source pass through.
 */
export async function readParquet(
  source: ByteSource,
  name: string,
  maxRows = Infinity,
): Promise<JsonRecords & { warnings: string[]; total: number }> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const damaged = (cause: unknown): unknown => (cause instanceof GorpError ? cause : badParquet(name, cause));
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(source);
  } catch (cause) {
    throw damaged(cause);
  }
  const counted = metadata.row_groups.reduce((sum, { num_rows: rows }) => sum + Number(rows), 0);
  if (counted !== Number(metadata.num_rows))
    throw badParquet(name, new Error(`it has ${counted} rows, but says that there are ${metadata.num_rows}`));
  if (!columnsFit(metadata)) throw badParquet(name, new Error('a row group has other columns than the schema'));
  const rowEnd = Math.min(maxRows, counted);
  const columns = columnsOf(metadata, rowEnd);
  const compressors = await compressorsFor(columns, name);
  // With compressors of its own: each allows so many bytes in all.
  const check = await runChecker(metadata, await compressorsFor(columns, name));
  const bytes = columns.reduce((sum, one) => sum + Number(one.total_uncompressed_size), 0);
  if (bytes > MAX_UNPACKED) throw tooLarge(name, bytes);
  const unread = new Set<string>();
  const rounded = roundedColumns(metadata);
  let rows: Record<string, unknown>[];
  try {
    const read = await parquetReadObjects({
      file: checkedSource(source, columns, check),
      metadata,
      rowEnd,
      utf8: false,
      parsers: PARSERS,
      ...(compressors && { compressors }),
    });
    if (read.length !== rowEnd) throw new Error(`it has ${read.length} of the ${rowEnd} rows that it should have`);
    const cell = (key: string, value: unknown): unknown =>
      rounded.has(key) ? null : plain(value, () => unread.add(key));
    rows = read.map((row) =>
      Object.fromEntries(Object.entries(row).map(([key, value]) => [key, cell(key, value)] as const)),
    );
  } catch (cause) {
    throw damaged(cause);
  }
  const records = tabulated(
    rows,
    (i) => `${name}, row ${i + 1}`,
    (i) => i + 1,
  );
  const missing = (columns: Iterable<string>, what: string): string[] =>
    Array.from(columns, (column) => `Column ${column} holds ${what}; they count as missing.`);
  return {
    ...records,
    warnings: [
      ...missing(unread, 'bytes that are no text'),
      ...missing(rounded, 'decimal numbers of more digits than can be read exactly'),
    ],
    total: counted,
  };
}

/** A source whose columns are checked before the library decodes them. It reads each of them whole. */
function checkedSource(source: ByteSource, columns: readonly ColumnMetaData[], check: CheckColumn): ByteSource {
  const { byteLength } = source;
  return {
    byteLength,
    slice: async (start, end = byteLength) => {
      const bytes = await source.slice(start, end);
      for (const column of columns) {
        const begin = Number(column.dictionary_page_offset || column.data_page_offset);
        const until = begin + Number(column.total_compressed_size);
        if (begin >= start && until <= end) check(column, new Uint8Array(bytes, begin - start, until - begin));
      }
      return bytes;
    },
  };
}

/** The library replaces what is no text by other characters, and rounds numbers in JSON. */
const PARSERS: Partial<ParquetParsers> = {
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && (textIn(bytes) ?? bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined): unknown =>
    bytes && JSON.parse(withExactNumbers(new TextDecoder('utf-8', { fatal: true }).decode(bytes))),
};

/** Digits of a decimal number that are always read exactly. */
const EXACT_DIGITS = 15;

/** Columns of decimal numbers that the library would round: two labels could become one. */
function roundedColumns({ schema, row_groups: groups }: FileMetaData): Set<string> {
  const leaves = schema.filter(({ num_children: children }) => !children);
  const isRounded = ({
    precision = 0,
    converted_type: type,
    logical_type: logical,
  }: (typeof leaves)[number]): boolean =>
    precision > EXACT_DIGITS && (type === 'DECIMAL' || logical?.type === 'DECIMAL');
  const found = new Set<string>();
  groups[0]?.columns.forEach(({ meta_data: column }, i) => {
    const [top] = column?.path_in_schema ?? [];
    if (top !== undefined && leaves[i] !== undefined && isRounded(leaves[i])) found.add(top);
  });
  return found;
}

/** UTF-8 bytes as text; null if they are none. */
function textIn(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Whether every row group has the columns of the schema. The library loses errors of any others: they end the process. */
function columnsFit({ schema, row_groups: groups }: FileMetaData): boolean {
  const paths: string[] = [];
  let at = 1; // after the root
  const walk = (path: string, children: number): void => {
    for (let child = 0; child < children && at < schema.length; child++) {
      const { name, num_children: own = 0 } = schema[at++];
      if (own > 0) walk(`${path}${name}.`, own);
      else paths.push(path + name);
    }
  };
  walk('', schema[0]?.num_children ?? 0);
  return groups.every(
    ({ columns }) => columns.map(({ meta_data: one }) => one?.path_in_schema.join('.')).join('\n') === paths.join('\n'),
  );
}

/** Columns of the row groups that hold the first rows. */
function columnsOf({ row_groups: groups }: FileMetaData, rowEnd: number): ColumnMetaData[] {
  const found: ColumnMetaData[] = [];
  let begin = 0;
  for (const { columns, num_rows: rows } of groups) {
    if (begin >= rowEnd) break;
    begin += Number(rows);
    for (const { meta_data: one } of columns) if (one !== undefined) found.push(one);
  }
  return found;
}

async function compressorsFor(columns: readonly ColumnMetaData[], name: string): Promise<Compressors | null> {
  const unknown = columns.find(({ codec }) => !CODECS.includes(codec));
  if (unknown !== undefined) {
    throw parquetError(
      'tasks/parquet-codec',
      `Column ${unknown.path_in_schema.join('.')} of ${name} is compressed with ${unknown.codec}, which cannot be read`,
      'Write the file again with Snappy, Zstandard, gzip, Brotli or LZ4.',
    );
  }
  if (columns.every(({ codec }) => codec === 'UNCOMPRESSED')) return null;
  // Pages say their own size, which may be more than the file says of their columns.
  let unpacked = 0;
  const bounded =
    (unpack: (input: Uint8Array, length: number) => Uint8Array) =>
    (input: Uint8Array, length: number): Uint8Array => {
      unpacked += length;
      if (!(unpacked <= MAX_UNPACKED)) throw tooLarge(name, unpacked);
      return unpack(input, length);
    };
  const [read, zstd] = await Promise.all([import('hyparquet-compressors'), import('fzstd')]);
  return {
    SNAPPY: bounded(read.decompressSnappy),
    GZIP: bounded(read.decompressGzip),
    BROTLI: bounded(read.decompressBrotli),
    ZSTD: bounded((input, length) => unpackedZstd(zstd.Decompress, input, length)),
    LZ4: bounded(read.decompressLz4),
    LZ4_RAW: bounded(read.decompressLz4Raw),
  };
}

/** Unpacks a page in pieces, since a frame of few bytes can claim any size. @throws Error if it has another length. */
function unpackedZstd(Decompress: typeof ZstdStream, input: Uint8Array, length: number): Uint8Array {
  const page = new Uint8Array(length);
  let at = 0;
  const stream = new Decompress((piece) => {
    if (at + piece.length > length) throw new Error(`a page unpacks to more than its ${length} bytes`);
    page.set(piece, at);
    at += piece.length;
  });
  stream.push(input, true);
  return page.subarray(0, at);
}

const tooLarge = (name: string, bytes: number): GorpError =>
  parquetError(
    'tasks/too-large',
    `${name} unpacks to ${formatBytes(bytes)}; the limit is ${formatBytes(MAX_UNPACKED)}`,
    'Use only part of its rows or columns.',
  );

/** A value for JSON: large integers as digits, dates as ISO 8601, bytes as text if they are. */
function plain(value: unknown, onBytes: () => void): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) {
    const text = textIn(value);
    if (text === null) onBytes();
    return text;
  }
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array);
  if (Array.isArray(value)) return value.map((one) => plain(one, onBytes));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one, onBytes)]));
}

const badParquet = (name: string, cause: unknown): GorpError =>
  new GorpError(
    'tasks/bad-parquet',
    `${name} is not a Parquet file that can be read (${cause instanceof Error ? cause.message : String(cause)}).`,
    'Check that the file is complete, or save its rows as JSONL or CSV.',
    { cause },
  );

const parquetError = (code: ErrorCode, message: string, nextStep: string): GorpError =>
  new GorpError(code, `${message}.`, nextStep);
