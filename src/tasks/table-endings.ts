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
