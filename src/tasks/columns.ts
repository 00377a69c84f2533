import { GorpError } from '../base/errors.ts';
import type { Table } from './table.ts';

/** The place of a column in the rows of a table. @throws GorpError `tasks/unknown-column`. */
export function columnIndex({ columns }: Pick<Table, 'columns'>, name: string): number {
  const column = columns.indexOf(name);
  if (column >= 0) return column;
  throw new GorpError('tasks/unknown-column', `The file has no column “${name}”.`, 'Choose one of its columns.');
}

/** The text of a row, of one column or of two, one below the other. @throws GorpError `tasks/unknown-column`. */
export function textAt(
  table: Table,
  textColumn: string,
  inputColumn: string | null,
): (row: readonly string[]) => string {
  const text = columnIndex(table, textColumn);
  const input = inputColumn === null ? null : columnIndex(table, inputColumn);
  return (row) => {
    const [first, second] = [row[text].trim(), input === null ? '' : row[input].trim()];
    return second === '' ? first : first === '' ? second : `${first}\n${second}`;
  };
}
