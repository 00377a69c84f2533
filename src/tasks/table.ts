import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { gunzippedWhole } from '../base/gunzip.ts';
import { sha256Of } from '../base/sha256.ts';
import { formatBytes } from '../base/units.ts';
import { type DecodedText, decodeText, parseCsv } from './csv.ts';
import { withConversations } from './formats/alpaca.ts';
import type { ByteSource } from './formats/parquet-footer.ts';
import { readParquet } from './formats/parquet.ts';
import { parseJsonLines, parseJsonRows } from './json-rows.ts';
import {
  addedFormatOf,
  checkCells,
  checkedRows,
  endingOf,
  type JsonRecords,
  MAX_COLUMNS,
  TABLE_ENDINGS,
  type TableEnding,
  tableEnding,
  type TableFormat,
} from './records.ts';

/** A file of examples as read, before its columns are named. */
export interface TableFile {
  /** Name of the file. */
  name: string;
  /** SHA-256 of its bytes, in hexadecimal digits. */
  sha256: string;
  encoding: DecodedText['encoding'];
  /** Names of the columns; null if the first row may hold them. */
  columns: string[] | null;
  rows: string[][];
  /** Columns with lists or objects among their values, which are in their cells as JSON. */
  nested: string[];
  /** The line in which each row begins, or its position in a list, from 1. */
  lines: number[];
  /** Warnings about the file, in sentences. */
  warnings: string[];
}

/** Rows of equal length under named columns. */
export interface Table {
  columns: string[];
  rows: string[][];
  /** The line in which each row begins, or its position in a list, from 1. */
  lines: number[];
  /** Columns with lists or objects among their values, as JSON. */
  nested: string[];
  /** Sentences about what was left out. */
  warnings: string[];
}

/** The largest file to read: the page holds its text, and no run trains on that many examples. */
export const LARGEST_FILE = 50 * 2 ** 20;

/** Checks the size of a file before it is read. @throws GorpError `tasks/too-large`. */
export function checkFileSize(name: string, bytes: number): void {
  if (bytes <= LARGEST_FILE) return;
  throw new GorpError(
    'tasks/too-large',
    `${name} takes ${formatBytes(bytes)}; the limit is ${formatBytes(LARGEST_FILE)}.`,
    'Use only part of its rows; a few thousand per label are plenty for a run.',
  );
}

/**
 * Reads a file of examples by its extension: CSV, TSV, JSON, JSONL, Parquet, or a text (.txt, .md) as a single row. Each
 * may be packed by gzip (.jsonl.gz).
 *
 * @throws GorpError `tasks/too-large`, `tasks/unknown-format`, `tasks/damaged-gzip`, `tasks/not-text`, `tasks/empty`,
 * `tasks/malformed-csv`, `tasks/malformed-json`, `tasks/wrong-shape`, and as {@link readParquet}.
 */
export async function readTableFile(name: string, given: Uint8Array<ArrayBuffer>): Promise<TableFile> {
  checkFileSize(name, given.length);
  const format = formatOf(name);
  const sha256 = await sha256Of(given);
  const bytes = isGzip(given) ? await unpacked(name, given) : given;
  if (format === 'parquet') {
    const { buffer, byteOffset, byteLength } = bytes;
    const slice = (start: number, end = byteLength): Promise<ArrayBuffer> =>
      Promise.resolve(buffer.slice(byteOffset + start, byteOffset + end));
    return readParquetFiles([{ name, byteLength, slice }], { name, sha256 });
  }
  const { text, encoding } = decodeText(bytes, name);
  const warnings =
    encoding === 'Windows-1252'
      ? ['The file is not UTF-8; it was read as Windows-1252 (Latin-1). Check accented letters.']
      : [];
  return filled({ name, sha256, encoding, ...parse(text, name, format), warnings });
}

/** By its first bytes (RFC 1952): browsers unpack some downloads, and leave their names. */
const isGzip = ([first, second]: Uint8Array): boolean => first === 0x1f && second === 0x8b;

async function unpacked(name: string, packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await gunzippedWhole(new Blob([packed]), LARGEST_FILE).catch((cause: unknown) => {
    throw new GorpError(
      'tasks/damaged-gzip',
      `${name} is no whole gzip file.`,
      'Download or copy it again, or unpack it and choose what is inside.',
      { cause },
    );
  });
  if (bytes !== null) return bytes;
  throw new GorpError(
    'tasks/too-large',
    `${name} unpacks to more than ${formatBytes(LARGEST_FILE)}, the limit.`,
    'Use only part of its rows; a few thousand per label are plenty for a run.',
  );
}

/**
 * Reads the first rows of Parquet files as one table. Only the row groups that hold them are read.
 *
 * @param named the name of all together, and what identifies their content.
 * @throws GorpError `tasks/empty`, and as {@link readParquet}.
 */
export async function readParquetFiles(
  files: readonly (ByteSource & { readonly name: string })[],
  { name, sha256 }: Pick<TableFile, 'name' | 'sha256'>,
  maxRows = Infinity,
): Promise<TableFile> {
  let all: TableFile = {
    name,
    sha256,
    encoding: 'UTF-8',
    columns: null,
    rows: [],
    nested: [],
    lines: [],
    warnings: [],
  };
  let isCut = false;
  for (const file of files) {
    const left = maxRows - all.rows.length;
    isCut = left <= 0;
    if (isCut) break;
    const { total, columns, rows, nested, warnings } = await readParquet(file, file.name, left);
    isCut = total > left;
    if (all.columns !== null && columns.join('\n') !== all.columns.join('\n')) {
      throw new GorpError(
        'tasks/wrong-shape',
        `${file.name} has other columns than the files before it: ${columns.slice(0, 10).join(', ')}.`,
        'Read fewer rows, or another split.',
      );
    }
    checkCells(name, all.rows.length + rows.length, columns.length);
    all = {
      ...all,
      columns,
      rows: [...all.rows, ...rows],
      nested: [...new Set([...all.nested, ...nested])],
      warnings: [...new Set([...all.warnings, ...warnings])],
    };
  }
  const lines = all.rows.map((_, i) => i + 1);
  const cut = isCut ? [`Only the first ${maxRows} rows were read.`] : [];
  return filled({ ...all, lines, warnings: [...all.warnings, ...cut] });
}

/** @throws GorpError `tasks/unknown-format`. */
function formatOf(name: string): TableEnding | TableFormat {
  const ending = tableEnding(name) ?? addedFormatOf(name);
  if (ending !== undefined) return ending;
  throw new GorpError(
    'tasks/unknown-format',
    `${name} has an unsupported format.`,
    `Choose a file that ends in .${TABLE_ENDINGS.join(', .')}, or in one of these with .gz.`,
  );
}

function filled(file: TableFile): TableFile {
  if (file.rows.length > 0) return file;
  throw new GorpError('tasks/empty', `${file.name} has no rows.`, 'Choose a file with one row per example.');
}

function parse(
  text: string,
  name: string,
  format: Exclude<TableEnding, 'parquet'> | TableFormat,
): Pick<TableFile, 'columns' | 'rows' | 'lines' | 'nested'> {
  if (typeof format === 'object') return readAdded(format, text, name);
  switch (format) {
    case 'csv':
      return { ...parseCsv(text, name), columns: null, nested: [] };
    case 'tsv':
    case 'tab':
      return { ...parseCsv(text, name, '\t'), columns: null, nested: [] };
    case 'json':
      return parseJsonRows(text, name);
    case 'jsonl':
    case 'ndjson':
      return parseJsonLines(text, name);
    case 'txt':
    case 'md':
      return { columns: [TEXT_COLUMN], rows: text.trim() === '' ? [] : [[text]], lines: [1], nested: [] };
  }
}

/** Reads a file by the format of a plugin. @throws GorpError `tasks/wrong-shape`, `tasks/too-large`. */
function readAdded(format: TableFormat, text: string, name: string): JsonRecords {
  const refused = (what: string, cause?: unknown): GorpError =>
    new GorpError(
      'tasks/wrong-shape',
      `The plugin that reads .${format.ending} ${what}.`,
      `Check ${name}, and the plugin that reads it.`,
      { cause },
    );
  let read: unknown;
  try {
    read = format.read(text, name);
  } catch (cause) {
    if (cause instanceof GorpError) throw cause;
    throw refused(`could not read ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (!v.is(AddedTableSchema, read)) throw refused('gave no table of texts under named columns');
  const { columns, rows } = read;
  return checkedRows({ columns, rows, lines: rows.map((_, i) => i + 1), nested: [] }, name);
}

const AddedTableSchema = v.pipe(
  v.object({ columns: v.array(v.string()), rows: v.array(v.array(v.string())) }),
  v.check(({ columns: { length }, rows }) => length > 0 && rows.every((row) => row.length === length)),
);

/** The column of a file that is one text. */
const TEXT_COLUMN = 'text';

/**
 * Names the columns, and leaves out rows with another number of columns.
 *
 * @param header whether the first row holds the names; otherwise, and for empty names, columns are numbered.
 * @throws GorpError `tasks/one-column`; `tasks/ragged` if most rows have another length; `tasks/empty`.
 */
export function tableOf(file: TableFile, header: boolean): Table {
  const hasHeader = header && file.columns === null;
  const names = file.columns ?? file.rows[0].map((name) => (header ? name.trim() : ''));
  if (names.length > MAX_COLUMNS) {
    throw new GorpError(
      'tasks/wrong-shape',
      `${file.name} has ${names.length} columns; the limit is ${MAX_COLUMNS}.`,
      'Remove all columns but those with texts and answers, and choose the file again.',
    );
  }
  // Other formats name their columns, so a single one is meant.
  if (names.length < 2 && file.columns === null) {
    throw new GorpError(
      'tasks/one-column',
      `${file.name} has only one column; a text and a label are needed.`,
      'Check that commas, semicolons or tabs separate its columns and choose it again.',
    );
  }
  const from = hasHeader ? 1 : 0;
  const lines = file.lines.slice(from);
  const isWhole = file.rows.slice(from).map(({ length }) => length === names.length);
  const rows = file.rows.slice(from).filter((_, i) => isWhole[i]);
  const ragged = lines.filter((_, i) => !isWhole[i]);
  if (ragged.length > rows.length) {
    throw new GorpError(
      'tasks/ragged',
      `Most rows of ${file.name} do not have ${names.length} columns like the first row; line ${ragged[0]} is the first that differs.`,
      'Put texts that contain the separator in double quotes and choose the file again.',
    );
  }
  if (rows.length === 0) {
    throw new GorpError('tasks/empty', `${file.name} has no rows below its header.`, 'Choose a file with examples.');
  }
  const warnings = file.warnings.slice();
  if (ragged.length > 0) {
    const shown = ragged.slice(0, 5).join(', ') + (ragged.length > 5 ? ', …' : '');
    warnings.push(
      ragged.length === 1
        ? `One row does not have ${names.length} columns and is left out: line ${shown}.`
        : `${ragged.length} rows do not have ${names.length} columns and are left out: lines ${shown}.`,
    );
  }
  return withConversations({
    columns: uniqueNames(names),
    rows,
    lines: lines.filter((_, i) => isWhole[i]),
    nested: file.nested,
    warnings,
  });
}

function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((given, i) => {
    const name = given === '' ? `column ${i + 1}` : given;
    let unique = name;
    for (let copy = 2; taken.has(unique); copy++) unique = `${name} (${copy})`;
    taken.add(unique);
    return unique;
  });
}

interface FolderFile {
  /** Path in the folder, with forward slashes. */
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Whether a file is a text that {@link readTextFolder} reads. */
export const isTextFile = (path: string): boolean => ['txt', 'md'].includes(endingOf(path));

/**
 * Reads the texts of a folder (.txt, .md), one row per file, in the order of their paths. The hash is that of paths and
 * texts.
 *
 * @throws GorpError `tasks/empty` if it has none; `tasks/too-large` for all together; as {@link readTableFile}.
 */
export async function readTextFolder(name: string, files: readonly FolderFile[]): Promise<TableFile> {
  const texts = files
    .filter(({ path, bytes }) => isTextFile(path) && bytes.some((byte) => byte > 32))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  if (texts.length === 0) {
    throw new GorpError('tasks/empty', `${name} has no text files.`, 'Choose a folder with .txt or .md files.');
  }
  checkFileSize(
    name,
    texts.reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
  const read: TableFile[] = [];
  let characters = 0;
  for (const { path, bytes } of texts) {
    const file = await readTableFile(path, bytes);
    read.push(file);
    // A few bytes of gzip can stand for many; one file after the other, so that no more than these are in the memory.
    characters += file.rows[0][0].length;
    checkFileSize(name, characters);
  }
  const facts = read.map(({ name: path, sha256 }) => `${sha256} ${path}\n`).join('');
  const legacy = read.filter(({ encoding }) => encoding === 'Windows-1252').map(({ name: path }) => path);
  return {
    name,
    sha256: await sha256Of(new TextEncoder().encode(facts)),
    encoding: 'UTF-8',
    columns: ['file', TEXT_COLUMN],
    rows: read.map(({ name: path, rows }) => [path, rows[0][0]]),
    nested: [],
    lines: read.map((_, i) => i + 1),
    warnings: legacy.length === 0 ? [] : [`Read as Windows-1252 (Latin-1), not UTF-8: ${legacy.join(', ')}.`],
  };
}
