/** A number, or a name; null where nothing was measured. */
export type Cell = string | number | null;

/**
 * A row of a table as a line of CSV (RFC 4180); null becomes an empty field. Text that a spreadsheet would take for a
 * formula is marked as text.
 */
export const csvLine = (row: readonly Cell[]): string => `${row.map(csvCell).join(',')}\r\n`;

function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const text = /^[=+\-@\t\r\n＝＋－＠]/.test(cell) ? `'${cell}` : cell;
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
