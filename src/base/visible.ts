/**
 * Control characters except tabs and line ends, separators, and marks that turn the direction of the text after them, so
 * that a name could pass for another one.
 */
const TURNING = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;

const signOf = (mark: string): string =>
  `[U+${(mark.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`;

/** A text in which what cannot be seen, or turns what stands after it, is a visible sign. Line ends and tabs stay. */
export const shownText = (text: string): string => text.replace(TURNING, signOf);

/** A text as one line of at most `longest` characters. What cannot be seen becomes a visible sign. */
export function visibleText(text: string, longest: number): string {
  // Cut first, since a cell may hold a megabyte, and to twice the length, since a character may take two units.
  const begin = Array.from(text.slice(0, 2 * longest))
    .slice(0, longest)
    .join('');
  const shown = shownText(begin.replace(/\r\n|\n|\r/g, '⏎').replace(/\t/g, '⇥')).replace(
    /[\u061c\u200e\u200f]/g,
    signOf,
  );
  return begin.length < text.length ? `${shown}…` : shown;
}

/**
 * Whether cmd, PowerShell and POSIX shells take a text between double quotes as it is, and no program takes it for an
 * option. PowerShell takes typographic double quotes for plain ones.
 */
export const isPlainInShells = (text: string): boolean => /^(?!-)[^"“”„$`%!\\\p{C}\u2028\u2029]+$/u.test(text);

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
