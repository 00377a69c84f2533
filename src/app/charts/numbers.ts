import { download } from '../download.ts';

/** A number of a chart, or a name; null where nothing was measured. */
export type Cell = string | number | null;

/** The numbers of a chart as a table: unrounded, null where nothing was measured. */
export interface Numbers {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * A table as CSV (RFC 4180) with a header; null becomes an empty field. Text that a spreadsheet would take for a
 * formula is marked as text.
 */
export function csvOf({ columns, rows }: Numbers): string {
  return `${[columns, ...rows].map((row) => row.map(csvCell).join(',')).join('\r\n')}\r\n`;
}

function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const text = /^[=+\-@\t\r\n＝＋－＠]/.test(cell) ? `'${cell}` : cell;
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Downloads the numbers of a chart. @param name file name without extension. */
export const saveCsv = (name: string, numbers: Numbers): void =>
  download(new Blob([csvOf(numbers)], { type: 'text/csv' }), `${name}.csv`);
