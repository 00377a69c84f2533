import { GorpError } from '../base/errors.ts';

/** Rows of a file, and the line in which each begins, counted from 1. */
export interface Records {
  rows: string[][];
  lines: number[];
}

/** Objects as rows of a table, whose columns are all keys in order of first occurrence. */
export interface JsonRecords extends Records {
  columns: string[];
  /** Columns with lists or objects among their values, which are in their cells as JSON. */
  nested: string[];
}

/** More columns than any table of texts has. */
export const MAX_COLUMNS = 200;
/** Cells of a table, rows times columns: more than fill the largest file with texts, and they fit into the memory. */
const MAX_CELLS = 5_000_000;
/** Characters of all cells: several times those of the largest file, since a file can repeat what it holds once. */
const MAX_CHARACTERS = 2 ** 28;

/** @throws GorpError `tasks/too-large` if a table has too many cells. */
export function checkCells(name: string, rows: number, columns = 1): void {
  if (rows * Math.max(1, columns) > MAX_CELLS)
    throw tooLarge(`${name} has more than ${MAX_CELLS / 1e6} million cells, rows times columns`);
}

/** @throws GorpError `tasks/too-large` if the cells of a table have too many characters together. */
export function checkCharacters(name: string, characters: number): void {
  if (characters > MAX_CHARACTERS)
    throw tooLarge(`The cells of ${name} have more than ${Math.floor(MAX_CHARACTERS / 1e6)} million characters`);
}

/** Rows whose file may state a text once for all of them. @throws GorpError `tasks/too-large`. */
export function checkedRows<Rows extends JsonRecords>(records: Rows, name: string): Rows {
  checkCells(name, records.rows.length, records.columns.length);
  let characters = 0;
  for (const row of records.rows) for (const { length } of row) characters += length;
  checkCharacters(name, characters);
  return records;
}

const tooLarge = (message: string): GorpError =>
  new GorpError(
    'tasks/too-large',
    `${message}.`,
    'Use only part of its rows or columns; a few thousand rows per label are plenty for a run.',
  );

/** Endings of the files of examples that can be read. */
export const TABLE_ENDINGS = ['csv', 'tsv', 'tab', 'json', 'jsonl', 'ndjson', 'parquet', 'txt', 'md'] as const;
export type TableEnding = (typeof TABLE_ENDINGS)[number];

const GZIP = /\.gz$/i;

/** Whether a file is packed by gzip, as its name says. */
export const isNamedGzip = (name: string): boolean => GZIP.test(name);

/** The ending of a file of examples, before the `.gz` of a packed one; undefined for other files. */
export function tableEnding(name: string): TableEnding | undefined {
  const ending = endingOf(name.replace(GZIP, ''));
  return TABLE_ENDINGS.find((one) => one === ending);
}

/** A format of text files of examples from outside, as a plugin defines it. */
export interface TableFormat {
  /** How the names of its files end, in lower case, without the dot. */
  readonly ending: string;
  /** Reads a file as rows under named columns; what it throws refuses the file. */
  readonly read: (text: string, name: string) => { readonly columns: string[]; readonly rows: string[][] };
}

const addedFormats = new Map<string, TableFormat>();

/** Adds a format of a plugin. Its ending must not be taken. */
export const addTableFormat = (format: TableFormat): unknown => addedFormats.set(format.ending, format);

/** The added format of a file, by its name. */
export const addedFormatOf = (name: string): TableFormat | undefined =>
  addedFormats.get(endingOf(name.replace(GZIP, '')));

/** The ending of a file's name in lower case, without the dot. */
export const endingOf = (name: string): string => /\.([a-z]+)$/i.exec(name)?.[1].toLowerCase() ?? '';
