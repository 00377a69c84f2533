import type { Records } from './csv.ts';

/** Objects as rows of a table, whose columns are all keys in order of first occurrence. */
export interface JsonRecords extends Records {
  columns: string[];
  /** Columns with lists or objects among their values, which are in their cells as JSON. */
  nested: string[];
}
