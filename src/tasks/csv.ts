import { GorpError } from '../base/errors.ts';
import { checkCells, type Records } from './records.ts';

/** A file's text and its encoding. */
export interface DecodedText {
  text: string;
  encoding: 'UTF-8' | 'UTF-16' | 'Windows-1252';
}

/**
 * Decodes a text file: as UTF-16 if a byte order mark says so, otherwise as UTF-8, or, if that fails, as Windows-1252,
 * the superset of Latin-1 that spreadsheets write. The byte order mark is dropped.
 *
 * @throws GorpError `tasks/not-text` for a file with NUL characters: a spreadsheet, an archive, UTF-16 without a mark.
 */
export function decodeText(bytes: Uint8Array, name: string): DecodedText {
  const decoded = decode(bytes);
  if (!decoded.text.includes('\0')) return decoded;
  throw new GorpError(
    'tasks/not-text',
    `${name} is not a text file.`,
    'Save it as CSV, TSV, JSON or JSONL in UTF-8 (in a spreadsheet: Save as, CSV UTF-8) and choose it again.',
  );
}

function decode(bytes: Uint8Array): DecodedText {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return { text: new TextDecoder('utf-16le').decode(bytes), encoding: 'UTF-16' };
  if (first === 0xfe && second === 0xff) return { text: new TextDecoder('utf-16be').decode(bytes), encoding: 'UTF-16' };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), encoding: 'UTF-8' };
  } catch {
    return { text: new TextDecoder('windows-1252').decode(bytes), encoding: 'Windows-1252' };
  }
}

/**
 * Parses delimited text with quoting as in RFC 4180, skipping blank lines.
 *
 * @param delimiter if undefined, it is detected (comma, tab, bar or semicolon).
 * @throws GorpError `tasks/malformed-csv`, naming the line, if a quote is not closed or is misplaced; `tasks/too-large`.
 */
export function parseCsv(text: string, name: string, delimiter = likelyDelimiter(text)): Records {
  const records: Records = { rows: [], lines: [] };
  let cells = 0;
  for (const { row, line, fault } of csvRows(text, delimiter)) {
    if (fault !== undefined) throw malformed(name, line, fault);
    if (isBlank(row)) continue;
    cells += row.length;
    checkCells(name, cells);
    records.rows.push(row);
    records.lines.push(line);
  }
  return records;
}

const [UNCLOSED, MISPLACED] = ['Quoted field unterminated', 'Trailing quote on quoted field is malformed'];

/** A row with the line in which it begins, and what is wrong with its quotes. */
interface CsvRow {
  readonly row: string[];
  readonly line: number;
  readonly fault: string | undefined;
}

/**
 * The rows of a text, in one pass: the time that a file takes grows with its length alone, whatever its quotes. (Papa
 * Parse, with which the tests compare this, looks for the next separator again after each misplaced quote.)
 */
function* csvRows(text: string, delimiter: string): Generator<CsvRow, void> {
  const cellEnd = new RegExp(`[${delimiter}\\r\\n]|$`, 'g');
  const afterQuote = new RegExp(`[^\\S\\r\\n${delimiter}]*(?=[${delimiter}\\r\\n]|$)`, 'y');
  let [at, line] = [0, 1];
  while (at < text.length) {
    const row: string[] = [];
    const begun = line;
    let fault: string | undefined;
    do {
      if (row.length > 0) at++;
      const begin = at;
      if (text[at] === '"') {
        const close = closingQuote(text, at);
        at = close < 0 ? text.length : close + 1;
        row.push(text.slice(begin + 1, close < 0 ? at : close).replaceAll('""', '"'));
        line += lineBreaks(text, begin, at);
        afterQuote.lastIndex = at;
        if (close < 0) fault ??= UNCLOSED;
        else if (afterQuote.test(text)) at = afterQuote.lastIndex;
        else fault ??= MISPLACED;
      }
      cellEnd.lastIndex = at;
      at = cellEnd.exec(text)?.index ?? text.length;
      if (text[begin] !== '"') row.push(text.slice(begin, at));
    } while (text[at] === delimiter);
    yield { row, line: begun, fault };
    at += text.startsWith('\r\n', at) ? 2 : 1;
    line++;
  }
}

/** Where the quoted text that begins at a place is closed; −1 if nowhere. Two quotes within it stand for one. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from + 1);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

const isBlank = (row: readonly string[]): boolean => row.length === 1 && row[0].trim() === '';

// The part of a file used to detect the separator.
const [SAMPLE_CHARACTERS, SAMPLE_ROWS] = [100_000, 50];

/**
 * The separator with which most of the first rows have as many columns as the very first, which must have at least two;
 * by default a comma.
 */
function likelyDelimiter(text: string): string {
  const sample = text.slice(0, SAMPLE_CHARACTERS);
  let [best, bestShare] = [',', 0];
  for (const delimiter of [',', ';', '\t', '|']) {
    const rows: CsvRow[] = [];
    for (const one of csvRows(sample, delimiter)) {
      if (rows.length === SAMPLE_ROWS) break;
      if (!isBlank(one.row)) rows.push(one);
    }
    if (rows.length === 0 || rows[0].row.length < 2) continue;
    const fitting = rows.filter(({ row, fault }) => row.length === rows[0].row.length && fault !== MISPLACED);
    const share = fitting.length / rows.length;
    if (share > bestShare) [best, bestShare] = [delimiter, share];
  }
  return best;
}

/** Number of line breaks (LF, CR LF or CR) in a part of a text. */
function lineBreaks(text: string, begin: number, end: number): number {
  let count = 0;
  for (let at = begin; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || (code === 13 && text.charCodeAt(at + 1) !== 10)) count++;
  }
  return count;
}

const malformed = (name: string, line: number, what: string): GorpError =>
  new GorpError(
    'tasks/malformed-csv',
    `${name}, line ${line}: ${what}.`,
    'Put texts that contain quotes, separators or line breaks in double quotes, double each quote inside, and choose the file again.',
  );
