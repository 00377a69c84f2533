import type { parse as parseNow } from 'papaparse';
import { GorpError } from '../base/errors.ts';
import { checkCells, type Records } from './records.ts';

/**
 * Parses delimited text with quoting as in RFC 4180, skipping blank lines. Uses Papa Parse, which is loaded when the
 * first such file is opened.
 *
 * @param delimiter if undefined, it is detected (comma, tab, bar or semicolon).
 * @throws GorpError `tasks/malformed-csv`, naming the line, if a quote is not closed or is misplaced; `tasks/too-large`.
 */
export async function parseCsv(text: string, name: string, delimiter?: string): Promise<Records> {
  const { default: Papa } = await import('papaparse');
  const records: Records = { rows: [], lines: [] };
  let line = 1;
  let [cursor, cells] = [0, 0];
  let fault: GorpError | undefined;
  Papa.parse<string[]>(text, {
    delimiter: delimiter ?? likelyDelimiter(Papa.parse, text),
    step: ({ data, errors, meta }, parser) => {
      const quotes = errors.find(({ type }) => type === 'Quotes');
      if (quotes !== undefined) {
        fault = malformed(name, line, quotes.message);
        parser.abort();
        return;
      }
      if (data.length > 1 || data[0].trim() !== '') {
        cells += data.length;
        checkCells(name, cells);
        records.rows.push(data);
        records.lines.push(line);
      }
      line += lineBreaks(text, cursor, meta.cursor);
      cursor = meta.cursor;
    },
  });
  if (fault !== undefined) throw fault;
  return records;
}

// The part of a file used to detect the separator.
const [SAMPLE_CHARACTERS, SAMPLE_ROWS] = [100_000, 50];

/**
 * The separator with which most of the first rows have as many columns as the very first, which must have at least two;
 * by default a comma. Papa Parse's own guess counts separators inside quoted text.
 */
function likelyDelimiter(parse: typeof parseNow, text: string): string {
  let [best, bestShare] = [',', 0];
  for (const delimiter of [',', ';', '\t', '|']) {
    const { data, errors } = parse<string[]>(text.slice(0, SAMPLE_CHARACTERS), { delimiter, preview: SAMPLE_ROWS });
    const rows = data.filter((row) => row.length > 1 || row[0].trim() !== '');
    if (rows.length === 0 || rows[0].length < 2) continue;
    const faults = errors.filter(({ code }) => code === 'InvalidQuotes').length;
    const share = (rows.filter((row) => row.length === rows[0].length).length - faults) / rows.length;
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
