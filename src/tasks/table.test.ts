import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import type { GorpError } from '../base/errors.ts';
import { checkFileSize, LARGEST_FILE, readTableFile, tableOf } from './table.ts';

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const read = async (name: string, content: string | Uint8Array<ArrayBuffer>, header = true) =>
  tableOf(await readTableFile(name, typeof content === 'string' ? utf8(content) : content), header);

/** UTF-16 with its byte order mark, little- or big-endian. */
function utf16(text: string, littleEnd: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 + 2 * text.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xfeff, littleEnd);
  for (let i = 0; i < text.length; i++) view.setUint16(2 + 2 * i, text.charCodeAt(i), littleEnd);
  return bytes;
}

const EXPECTED = {
  columns: ['text', 'label'],
  rows: [
    ['Grüße, "du"\nda', 'a'],
    ['x', 'b'],
  ],
  nested: [],
  warnings: [],
};
/** Packed by gzip; whole unless it is to be cut. */
const packed = (text: string, bytes?: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(gzipSync(text)).slice(0, bytes);
const CSV = 'text,label\r\n"Grüße, ""du""\nda",a\r\n\r\nx,b\r\n';

describe('a file of examples', () => {
  it.each<[string, string, string | Uint8Array<ArrayBuffer>, number[]?]>([
    ['CSV', 'a.csv', CSV],
    ['CSV with LF, without a final line break', 'A.CSV', CSV.replaceAll('\r\n', '\n').trimEnd()],
    ['CSV with semicolons', 'a.csv', CSV.replaceAll(',a', ';a').replaceAll(',b', ';b').replace(',label', ';label')],
    ['CSV with a byte order mark', 'a.csv', `\ufeff${CSV}`],
    ['little-endian UTF-16', 'a.csv', utf16(CSV, true)],
    ['big-endian UTF-16', 'a.csv', utf16(CSV, false)],
    ['CSV packed by gzip', 'a.csv.gz', packed(CSV)],
    ['packed CSV that a browser has unpacked', 'a.csv.gz', CSV],
    ['TSV', 'a.tsv', 'text\tlabel\n"Grüße, ""du""\nda"\ta\nx\tb\n', [2, 4]],
    ['JSON', 'a.json', '[{"text": "Grüße, \\"du\\"\\nda", "label": "a"}, {"label": "b", "text": "x"}]', [1, 2]],
    ['JSONL', 'a.jsonl', '{"text": "Grüße, \\"du\\"\\nda", "label": "a"}\r\n\n{"label": "b", "text": "x"}\n', [1, 3]],
  ])('is read from %s', async (_, name, content, lines = [2, 5]) => {
    expect(await read(name, content)).toEqual({ ...EXPECTED, lines });
  });

  it('has a hash of its bytes', async () => {
    const { sha256 } = await readTableFile('a.csv', utf8('abc'));
    expect(sha256).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('warns about bytes that are not UTF-8', async () => {
    const { rows, warnings } = await read('a.csv', Uint8Array.of(...utf8('t,l\nGr'), 0xfc, 0xdf, ...utf8('e,a\n')));
    expect(rows).toEqual([['Grüße', 'a']]);
    expect(warnings).toEqual([expect.stringContaining('Latin-1')]);
  });

  it('reads back what a CSV writer wrote, whatever the cells contain', async () => {
    const cell = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('"', ',', '\n', '\r\n', ';', '\t', "'", '""'),
    );
    const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        fc.pre(!rows.flat().some((text) => text.includes('\0')));
        const text = Papa.unparse([['a', 'b', 'c'], ...rows], { newline: '\n', quotes: true });
        expect((await read('x.csv', text)).rows).toEqual(rows);
      }),
    );
  });

  it('reads and refuses the same CSV as Papa Parse', async () => {
    const part = fc.constantFrom('"', '""', ',', '\n', ' ', 'a', '"a"', ',"', '",', '"\n"', '\u00a0', '\ufeff');
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 20 }), async (parts) => {
        const text = `a,b\n${parts.join('')}`;
        const { data, errors } = Papa.parse<string[]>(text, { delimiter: ',' });
        // It also takes spaces at the end of a file after a quote for a fault.
        const isFaulty = errors.some(({ type }) => type === 'Quotes');
        fc.pre(!isFaulty || !/"\s+$/.test(text));
        const read = readTableFile('x.csv', utf8(text)).then(
          ({ rows }) => rows,
          (error: GorpError) => error.code,
        );
        const filled = data.filter((row) => row.length > 1 || row[0].trim() !== '');
        expect(await read).toEqual(isFaulty ? 'tasks/malformed-csv' : filled);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['misplaced quotes before many spaces', `a,b\n"a${'"b'.repeat(2e5)}${' '.repeat(2e6)},b\n`],
    ['an open quote and many separators', `a,b\n"${'a,b\n'.repeat(1e6)}`],
  ])('is refused in little time for %s', async (_, text) => {
    await expect(readTableFile('a.csv', utf8(text))).rejects.toMatchObject({ code: 'tasks/malformed-csv' });
  });

  it('ends rows at every kind of line break', async () => {
    expect((await read('a.csv', 't,l\r\na,b\nc,d\re,f\r\n')).rows).toEqual(['ab', 'cd', 'ef'].map((row) => [...row]));
  });

  it('leaves out rows of another length and names their lines, counting quoted line breaks', async () => {
    const { rows, lines, warnings } = await read('a.csv', 't,l\n"a\nb",x\none\n\nc,d,e\nf,y\n');
    expect(rows).toEqual([
      ['a\nb', 'x'],
      ['f', 'y'],
    ]);
    expect(lines).toEqual([2, 7]);
    expect(warnings).toEqual(['2 rows do not have 2 columns and are left out: lines 4, 6.']);
  });

  it('names columns with and without a header row', async () => {
    expect((await read('a.csv', 'a,,a,a\n1,2,3,4\n')).columns).toEqual(['a', 'column 2', 'a (2)', 'a (3)']);
    expect(await read('a.csv', 'good,1\nbad,0\n', false)).toEqual({
      columns: ['column 1', 'column 2'],
      rows: [
        ['good', '1'],
        ['bad', '0'],
      ],
      lines: [1, 2],
      nested: [],
      warnings: [],
    });
  });

  it('reads numbers, booleans, missing keys, nested values and any key names from JSON', async () => {
    const rows = '[{"__proto__": "x", "label": 1}, {"text": true, "label": null}, {"text": ["a"], "label": "\\ud800"}]';
    expect(await read('a.json', rows)).toEqual({
      columns: ['__proto__', 'label', 'text'],
      rows: [
        ['x', '1', ''],
        ['', '', 'true'],
        ['', '\ufffd', '["a"]'],
      ],
      lines: [1, 2, 3],
      nested: ['text'],
      warnings: [],
    });
  });

  it.each<[string, string, string | Uint8Array<ArrayBuffer>, string, RegExp]>([
    ['one column', 'a.csv', 'text\none\ntwo\n', 'tasks/one-column', /a\.csv/],
    ['an empty file', 'a.csv', '', 'tasks/empty', /no rows/],
    ['blank lines', 'a.csv', '\n\n  \n', 'tasks/empty', /no rows/],
    ['only a header row', 'a.csv', 'text,label\n', 'tasks/empty', /below/],
    ['an empty list', 'a.json', '[]', 'tasks/empty', /no rows/],
    ['an open quote', 'a.csv', 't,l\na,b\n"c,d\n', 'tasks/malformed-csv', /line 3/],
    ['a quote in the wrong place', 'a.csv', 't,l\n"a" b,c\n', 'tasks/malformed-csv', /line 2/],
    ['a spreadsheet', 'a.csv', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0), 'tasks/not-text', /a\.csv/],
    ['unquoted commas', 'a.csv', 't,l\na,b,c\nd,e,f\ng,h\n', 'tasks/ragged', /line 2/],
    [
      'a million columns',
      'a.csv',
      `${'a,'.repeat(1_000_000)}b\n${',1'.repeat(1_000_000)}\n`,
      'tasks/wrong-shape',
      /1000001/,
    ],
    ['another kind of file', 'a.xlsx', 'a,b', 'tasks/unknown-format', /xlsx/],
    ['a file without an extension', 'csv', 'a,b', 'tasks/unknown-format', /csv/],
    ['a damaged gzip file', 'a.csv.gz', packed(CSV, -4), 'tasks/damaged-gzip', /a\.csv\.gz/],
    [
      'much in a small gzip file',
      'a.csv.gz',
      packed(`${CSV}${' '.repeat(LARGEST_FILE)}`),
      'tasks/too-large',
      /50\.0 MiB/,
    ],
    ['malformed JSON', 'a.json', '[{"a": 1', 'tasks/malformed-json', /a\.json/],
    ['a malformed line', 'a.jsonl', '{"a": 1}\n\n{"a"\n', 'tasks/malformed-json', /line 3/],
    ['JSON that is not a list', 'a.json', '{"rows": []}', 'tasks/wrong-shape', /list/],
    ['lists in a list', 'a.json', '[["a", "b"]]', 'tasks/wrong-shape', /entry 1/],
    ['text in lines', 'a.jsonl', '"a"', 'tasks/wrong-shape', /line 1/],
    [
      'sparse objects',
      'a.json',
      JSON.stringify(Array.from({ length: 300 }, (_, i) => ({ [`k${i}`]: 1 }))),
      'tasks/wrong-shape',
      /keys/,
    ],
  ])('is refused: %s', async (_, name, content, code, message) => {
    await expect(read(name, content)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
      nextStep: expect.stringMatching(/\w/) as string,
    });
  });

  it('is refused before reading if it is too large', () => {
    expect(() => checkFileSize('big.csv', LARGEST_FILE)).not.toThrow();
    expect(() => checkFileSize('big.csv', 500 * 2 ** 20)).toThrow(
      expect.objectContaining({ code: 'tasks/too-large', message: expect.stringContaining('500 MiB') as string }),
    );
  });
});
