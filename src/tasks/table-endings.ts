/** Endings of the files of examples that can be read. */
export const TABLE_ENDINGS = ['csv', 'tsv', 'tab', 'json', 'jsonl', 'ndjson', 'parquet', 'txt', 'md'] as const;
