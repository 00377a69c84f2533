import type { ColumnMetaData, Compressors, FileMetaData, ParquetParsers } from 'hyparquet';
import { type ErrorCode, GorpError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import { tabulated, withExactNumbers } from '../json-rows.ts';
import { checkCells, type JsonRecords, MAX_COLUMNS } from '../records.ts';
import { type ByteSource, type Leaf, leavesOf, readFooter } from './parquet-footer.ts';
import { type CheckColumn, CODECS, compressorsOf, pageChecker } from './parquet-pages.ts';

// A few bytes can stand for any number of others, or of values.
const MAX_UNPACKED = 2 ** 29;
/** Values in the pages that are read, which may have more rows than are wanted; those within lists count several times. */
const MAX_VALUES = 8_000_000;
/** Values of a table's column that belong together in the file, such as the fields of objects in lists. */
const MAX_LEAVES = 1000;
/** Parts of a file that are read, each a row group of a leaf. The library compares each with all others. */
const MAX_CHUNKS = 20_000;

/**
 * Reads the rows of a Parquet file. The library is loaded with the first such file, and its decompressors with the
 * first file that needs them. What a file claims to hold is checked first: its columns, row groups and rows, then the
 * pages of each column before they are decoded.
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
  try {
    return await readRows(source, name, maxRows);
  } catch (cause) {
    throw cause instanceof GorpError ? cause : badParquet(name, cause);
  }
}

async function readRows(
  source: ByteSource,
  name: string,
  maxRows: number,
): Promise<JsonRecords & { warnings: string[]; total: number }> {
  const metadata = await readFooter(source);
  const leaves = leavesOf(metadata);
  const total = rowsOf(metadata);
  const rowEnd = Math.min(maxRows, total);
  const chunks = chunksOf(metadata, leaves, rowEnd);
  const columns = [...new Set(leaves.map(({ path }) => path[0]))];
  checkSize(name, source.byteLength, { columns, leaves, chunks, rows: rowEnd });
  const unread = new Set<string>();
  const rounded = new Set(leaves.flatMap((leaf) => (isRounded(leaf) ? leaf.path.slice(0, 1) : [])));
  const others = new Set(leaves.flatMap(({ path: [column], isOther }) => (isOther ? [column] : [])));
  // With counts of its own: a file is unpacked twice, to be checked and to be read.
  const check = await checkerOf(name, chunks);
  const compressors = await compressorsFor(name, chunks);
  const { parquetReadObjects } = await import('hyparquet');
  const rows = await parquetReadObjects({
    file: checkedSource(source, chunks, check),
    metadata,
    rowEnd,
    columns: columns.filter((column) => !others.has(column)),
    utf8: false,
    parsers: PARSERS,
    ...(compressors && { compressors }),
  });
  if (rows.length !== rowEnd) throw new Error(`it has ${rows.length} of the ${rowEnd} rows that it should have`);
  const records = tabulated(rows, name, {
    columns,
    where: (i) => `${name}, row ${i + 1}`,
    jsonOf: (column, value) => {
      if (value === undefined) throw new Error(`column ${column} has less than the ${rowEnd} rows that it should have`);
      return rounded.has(column) ? null : plain(value, () => unread.add(column));
    },
  });
  const missing = (some: Iterable<string>, what: string): string[] =>
    Array.from(some, (column) => `Column ${column} holds ${what}; they count as missing.`);
  return {
    ...records,
    warnings: [
      ...missing(unread, 'bytes that are no text'),
      ...missing(rounded, 'decimal numbers of more digits than can be read exactly'),
      ...missing(others, 'geometries or variants'),
    ],
    total,
  };
}

/** The rows of a file. @throws Error if its row groups have others. */
function rowsOf({ num_rows: said, row_groups: groups }: FileMetaData): number {
  const rows = groups.map(({ num_rows: own }) => Number(own));
  if (rows.some((own) => own < 0)) throw new Error('a row group has a negative number of rows');
  const total = rows.reduce((sum, own) => sum + own, 0);
  if (total !== Number(said)) throw new Error(`it has ${total} rows, but says that there are ${said}`);
  return total;
}

/** A leaf in a row group, where it is in the file, and how many of the group's rows are read. */
interface Chunk {
  readonly leaf: Leaf;
  readonly column: ColumnMetaData;
  readonly begin: number;
  readonly end: number;
  readonly rows: number;
}

/** Returns the column chunks that hold the first rows. */
function chunksOf({ row_groups: groups }: FileMetaData, leaves: readonly Leaf[], rowEnd: number): Chunk[] {
  const chunks: Chunk[] = [];
  let begin = 0;
  for (const { columns, num_rows: own } of groups) {
    const rows = Math.min(Number(own), rowEnd - begin);
    begin += rows;
    if (rows <= 0) continue;
    for (const [i, { meta_data: column }] of columns.entries()) {
      if (column === undefined || leaves[i].isOther) continue;
      const from = Number(column.dictionary_page_offset || column.data_page_offset);
      chunks.push({ leaf: leaves[i], column, begin: from, end: from + Number(column.total_compressed_size), rows });
    }
    if (chunks.length > MAX_CHUNKS) break;
  }
  return chunks;
}

/** The parts that are asked of a file, as it declares them. */
interface Asked {
  readonly columns: readonly string[];
  readonly leaves: readonly Leaf[];
  readonly chunks: readonly Chunk[];
  readonly rows: number;
}

/** @throws GorpError `tasks/too-large`, `tasks/wrong-shape`; Error for a part outside the file. */
function checkSize(name: string, byteLength: number, { columns, leaves, chunks, rows }: Asked): void {
  checkCells(name, rows, columns.length);
  if (columns.length > MAX_COLUMNS || leaves.length > MAX_LEAVES) {
    throw parquetError(
      'tasks/wrong-shape',
      `${name} has ${columns.length} columns with ${leaves.length} fields; the limits are ${MAX_COLUMNS} and ${MAX_LEAVES}`,
      'Write the file again with only the columns of texts and answers.',
    );
  }
  if (chunks.length > MAX_CHUNKS) {
    throw parquetError(
      'tasks/too-large',
      `${name} stores its rows in more than ${MAX_CHUNKS} parts, row groups of each column`,
      'Read fewer rows, or write the file again with larger row groups.',
    );
  }
  const bytes = chunks.reduce((sum, { column, begin, end }) => {
    const unpacked = Number(column.total_uncompressed_size);
    if (!(begin >= 0 && end >= begin && end <= byteLength && unpacked >= 0))
      throw new Error(`it has a column of ${unpacked} bytes, unpacked, from ${begin} to ${end} in the file`);
    return sum + Math.max(unpacked, end - begin);
  }, 0);
  if (bytes > MAX_UNPACKED) throw tooLarge(name, bytes);
}

/** Counts what a file is about to become. @throws GorpError `tasks/too-large` from what it returns. */
function countedBytes(name: string): (bytes: number) => void {
  let sum = 0;
  return (bytes) => {
    sum += bytes;
    if (!(sum <= MAX_UNPACKED)) throw tooLarge(name, sum);
  };
}

async function checkerOf(name: string, chunks: readonly Chunk[]): Promise<CheckColumn> {
  let values = 0;
  const onValues = (more: number): void => {
    values += more;
    if (values <= MAX_VALUES) return;
    throw parquetError(
      'tasks/too-large',
      `${name} has more than ${MAX_VALUES / 1e6} million values in the parts that hold the rows to read, with those of lists`,
      'Read fewer rows, or write the file again with fewer rows or columns, or with smaller row groups.',
    );
  };
  return pageChecker(await compressorsFor(name, chunks), onValues, countedBytes(name));
}

/** A source whose columns are checked before the library decodes them. It reads each of them whole. */
function checkedSource(source: ByteSource, chunks: readonly Chunk[], check: CheckColumn): ByteSource {
  const { byteLength } = source;
  return {
    byteLength,
    slice: async (start, end = byteLength) => {
      const bytes = await source.slice(start, end);
      for (const { leaf, column, rows, ...part } of chunks)
        if (part.begin >= start && part.end <= end)
          check(column, leaf, new Uint8Array(bytes, part.begin - start, part.end - part.begin), rows);
      return bytes;
    },
  };
}

/** The library replaces what is no text by other characters, and rounds numbers in JSON. */
const PARSERS: Partial<ParquetParsers> = {
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && (textIn(bytes) ?? bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined): unknown => bytes && JSON.parse(withExactNumbers(UTF8.decode(bytes))),
};

/** Digits of a decimal number that are always read exactly. */
const EXACT_DIGITS = 15;

/** Whether the library would round its decimal numbers: two labels could become one. */
const isRounded = ({ element: { precision = 0, converted_type: type, logical_type: logical } }: Leaf): boolean =>
  precision > EXACT_DIGITS && (type === 'DECIMAL' || logical?.type === 'DECIMAL');

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** UTF-8 bytes as text; null if they are none. */
function textIn(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

/** @throws GorpError `tasks/parquet-codec`; from what it returns, `tasks/too-large`, since pages say their own size. */
async function compressorsFor(name: string, chunks: readonly Chunk[]): Promise<Compressors | undefined> {
  const unknown = chunks.find(({ column: { codec } }) => !CODECS.some((known) => known === codec));
  if (unknown !== undefined) {
    throw parquetError(
      'tasks/parquet-codec',
      `Column ${unknown.leaf.path.join('.')} of ${name} is compressed with ${unknown.column.codec}, which cannot be read`,
      'Write the file again with Snappy, Zstandard, gzip, Brotli or LZ4.',
    );
  }
  const isPacked = chunks.some(({ column: { codec } }) => codec !== 'UNCOMPRESSED');
  return isPacked ? compressorsOf(countedBytes(name)) : undefined;
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
