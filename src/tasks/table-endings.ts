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

/** The ending of a file's name in lower case, without the dot. */
export const endingOf = (name: string): string => /\.([a-z]+)$/i.exec(name)?.[1].toLowerCase() ?? '';
