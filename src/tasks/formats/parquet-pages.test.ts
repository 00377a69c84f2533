import { Buffer } from 'node:buffer';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it, test } from 'vitest';
import {
  CODEC,
  dataPage,
  dictionaryPage,
  ENCODING,
  type Fields,
  type MadePage,
  parquetOf,
  plainTexts,
  withFooter,
} from '../../testing/parquet-of.ts';
import { readTableFile } from '../table.ts';
import { readParquet } from './parquet.ts';

/** Files of a few bytes that would fill the memory or never end, unless what they claim is checked before it is decoded. */

const bytes = (...some: number[]): Uint8Array => Uint8Array.from(some);

/** A number in groups of seven bits. */
function varint(value: number): number[] {
  const groups: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) groups.push((value & 127) | 128);
  return [...groups, value];
}

/** The first bytes of every file. */
const BEGIN = new TextEncoder().encode('PAR1');

/** So many equal bytes, but for the first. */
function filled(size: number, byte: number, ...first: number[]): Uint8Array {
  const all = new Uint8Array(size).fill(byte);
  all.set(first);
  return all;
}

/** So many times the first text of a dictionary, in a byte. */
const repeated = (values: number): MadePage => dataPage(values, ENCODING.dictionary, bytes(0));

const LABEL = { name: 'label', pages: [dataPage(3, ENCODING.plain, plainTexts(['a', 'b', 'a']))] };

/** Three rows, whose column of texts has these pages. */
const ofPages = (pages: readonly MadePage[], codec = 0): Uint8Array<ArrayBuffer> =>
  parquetOf([{ name: 'text', pages, codec }, LABEL], 3);

/** A page of texts, three as its header says, packed by a codec into bytes that unpack to far more. */
const packed = (codec: number, page: Uint8Array, unpacked = 15): Uint8Array<ArrayBuffer> =>
  ofPages([dataPage(3, ENCODING.plain, page, { unpacked })], codec);

/** So many differences of 0 after a first value, and before them the difference that the first block has instead. */
const deltas = (count: number, first: number, step = 0): number[] => {
  const blocks = Array.from({ length: Math.ceil((count - 1) / 128) }, (_, i) => [
    ...varint(i === 0 ? 2 * step : 0),
    0,
    0,
    0,
    0,
  ]);
  return [...varint(128), 4, ...varint(count), ...varint(2 * first), ...blocks.flat()];
};

const MEBIBYTES = new Uint8Array(2 ** 25);
/** A frame of Zstandard with a block whose sequences each repeat 131,074 bytes: 0.7 GiB of 13 kB. */
const MATCHES = ((): Uint8Array => {
  const count = 6000;
  const body = [
    0x09,
    65,
    (count >> 8) + 128,
    count & 255,
    0x54,
    0,
    0,
    52,
    ...new Array<number>(2 * count).fill(255),
    1,
  ];
  const head = 1 + (2 << 1) + (body.length << 3);
  return bytes(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, head & 255, (head >> 8) & 255, (head >> 16) & 255, ...body);
})();

/** One row with a list that names a text of 1 MB a thousand times. */
const LIST = ((): Uint8Array<ArrayBuffer> => {
  const count = 1000;
  const levels = (...some: number[]): number[] => [some.length, 0, 0, 0, ...some];
  const page = bytes(
    ...levels(2, 0, ...varint(2 * (count - 1)), 1), // a list begins, and goes on
    ...levels(...varint(2 * count), 1), // every value is there
    0,
  );
  const text = {
    name: 'text',
    pages: [dictionaryPage(['x'.repeat(2 ** 20)]), dataPage(count, ENCODING.dictionary, page)],
    said: { field_3: ['text', 'list', 'element'] },
  };
  const schema = [
    { field_4: 'schema', field_5: 1 },
    { field_3: 0, field_4: 'text', field_5: 1, field_6: 3 },
    { field_3: 2, field_4: 'list', field_5: 1 },
    { field_1: 6, field_3: 0, field_4: 'element', field_6: 0 },
  ];
  return parquetOf([text], 1, { field_2: schema });
})();

/** A column in the footer, with its bytes in the file. */
const said = (from: bigint, size: bigint): Fields => ({ field_7: size, field_9: from });

test.each<[string, Uint8Array<ArrayBuffer>, RegExp]>([
  [
    'more rows than a table can have',
    parquetOf(
      ['text', 'label'].map((name) => ({ name, pages: [dictionaryPage(['spam']), repeated(3e7)] })),
      3e7,
    ),
    /^tasks\/too-large.*more than 5 million cells/,
  ],
  ['rows without a column', parquetOf([], 1e9), /^tasks\/too-large.*cells/],
  ['rows without pages', parquetOf([{ name: 'text', pages: [] }], 2 ** 31), /^tasks\/too-large.*cells/],
  [
    'a page of more values than rows',
    ofPages([dictionaryPage(['spam']), repeated(3e7)]),
    /^tasks\/too-large.*more than 8 million values/,
  ],
  ['a dictionary of more values than bytes', ofPages([{ ...dictionaryPage([]), header: { field_1: 2, field_2: 0, field_3: 0, field_7: { field_1: 2e7, field_2: 0 } } }]), /^tasks\/too-large.*values/], // oxfmt-ignore
  [
    'more pages than values',
    ofPages([dictionaryPage(['spam']), ...Array.from({ length: 90_000 }, () => repeated(0))]),
    /^tasks\/too-large.*values/,
  ],
  [
    'a text that is repeated by its number',
    parquetOf([{ name: 'text', pages: [dictionaryPage(['x'.repeat(2 ** 20)]), repeated(1000)] }], 1000),
    /^tasks\/too-large.*268 million characters/,
  ],
  ['a text that is repeated in a list', LIST, /^tasks\/too-large.*268 million characters/],
  [
    'texts that each begin like the one before',
    ofPages([dataPage(3e4, ENCODING.deltaBytes, bytes(...deltas(3e4, 0, 2 ** 20), ...deltas(3e4, 0)))]),
    /^tasks\/too-large.*unpacks to/,
  ],
  [
    'differences in blocks of no parts',
    ofPages([dataPage(100, ENCODING.deltaLength, bytes(...varint(128), 255, 255, 255, 255, 15, 100, 0, ...new Array<number>(50).fill(0)))]), // oxfmt-ignore
    /^tasks\/bad-parquet.*128 differences in -1 parts/,
  ],
  [
    'a difference of many digits',
    ofPages([dataPage(100, ENCODING.deltaLength, filled(1e6, 255, ...varint(128), 4, 100))]),
    /^tasks\/bad-parquet.*more than 64 bits/,
  ],
  ['gzip', packed(CODEC.gzip, gzipSync(MEBIBYTES)), /^tasks\/bad-parquet.*more than its 15 bytes/],
  ['Brotli', packed(CODEC.brotli, brotliCompressSync(MEBIBYTES)), /^tasks\/bad-parquet.*more than its 15 bytes/],
  ['Zstandard', packed(CODEC.zstd, MATCHES), /^tasks\/bad-parquet.*of its 15 bytes/],
  ['LZ4', packed(CODEC.lz4Raw, filled(1e7, 255, 0x1f, 65, 1, 0)), /^tasks\/bad-parquet.*more than its 15 bytes/],
  [
    'LZ4 with its size before it',
    packed(CODEC.lz4, filled(1e7, 255, 0, 0, 0, 15, 0, 0x98, 0x96, 0x78, 0x1f, 65, 1, 0)), // oxfmt-ignore
    /^tasks\/bad-parquet.*more than its 15 bytes/,
  ],
  ['Snappy', packed(CODEC.snappy, bytes(...varint(2 ** 30), 0, 65)), /^tasks\/bad-parquet.*more than its 15 bytes/],
  [
    'a page that claims to unpack to gigabytes',
    packed(CODEC.snappy, bytes(...varint(2 ** 30), 0, 65), 2 ** 30),
    /^tasks\/too-large.*unpacks to 1\.00 GiB/,
  ],
  [
    'columns that claim the same bytes',
    parquetOf([LABEL], 3, {
      field_3: 3n * 30_000n,
      field_4: Array.from({ length: 30_000 }, () => ({
        field_1: [{ field_3: { field_1: 6, field_2: [0], field_3: ['label'], field_4: 0, field_5: 3n, field_6: 1n, ...said(4n, 9n) } }], // oxfmt-ignore
        field_3: 3n,
      })),
    }),
    /^tasks\/too-large.*more than 20000 parts/,
  ],
  ['a column after the end', parquetOf([{ ...LABEL, said: said(4n, 2n ** 40n) }], 3), /^tasks\/bad-parquet.*from 4 to/],
  [
    'a column of less than no bytes',
    parquetOf([{ ...LABEL, said: said(4n, -9n) }], 3),
    /^tasks\/bad-parquet.*from 4 to/,
  ],
  [
    'columns within each other',
    parquetOf([LABEL], 3, { field_2: Array.from({ length: 50_000 }, () => ({ field_4: 'a', field_5: 1 })) }),
    /^tasks\/bad-parquet.*nested more than 100 deep/,
  ],
  [
    'a schema of billions of columns',
    parquetOf([LABEL], 3, { field_2: [{ field_4: 'schema', field_5: 2 ** 31 - 1 }] }),
    /^tasks\/bad-parquet.*its schema lacks columns/,
  ],
  [
    'lists of more entries than bytes',
    withFooter(BEGIN, bytes(0x19, ...Array.from({ length: 20 }, () => [0xf9, ...varint(2 ** 25 - 1)]).flat())),
    /^tasks\/bad-parquet.*list of 33554431 entries/,
  ],
  ['a number of many digits', withFooter(BEGIN, filled(1e6, 255, 0x16)), /^tasks\/bad-parquet.*64 bits/], // oxfmt-ignore
  [
    'more objects than a footer has',
    withFooter(BEGIN, filled(5e6, 0, 0x29, 0xfc, ...varint(5e6 - 10))),
    /^tasks\/bad-parquet.*more than 4194304 entries/,
  ],
  [
    'a footer that is longer than its file',
    withFooter(BEGIN, filled(9, 0)).fill(255, 13, 16),
    /^tasks\/bad-parquet.*longer than the file/,
  ],
])('%s: refused before it is decoded', async (_, file, said) => {
  const error = await readTableFile('a.parquet', file).then(
    () => null,
    (thrown: { code: string; message: string }) => `${thrown.code} ${thrown.message}`,
  );
  expect(error).toMatch(said);
});

it('the header of a page is checked like the footer', async () => {
  const file = parquetOf([{ name: 'text', pages: [dataPage(3, ENCODING.plain, plainTexts(['a', 'b', 'c']), { more: { field_5: { field_1: 'a mark' } } })] }, LABEL], 3); // oxfmt-ignore
  const at = Buffer.from(file).indexOf('a mark') - 2;
  // In place of the text, lists within each other.
  file.set([0x19, 0xf9, 0xff, 0xff, 0xff, 0x0f, 0xf9, 0xff], at);
  await expect(readTableFile('a.parquet', file)).rejects.toMatchObject({
    code: 'tasks/bad-parquet',
    message: expect.stringMatching(/list of 33554431 entries/) as string,
  });
});

it('of a column without lists, only the pages with the rows that are wanted are checked and read', async () => {
  const rows = 3 * 10_000_000;
  const file = parquetOf(
    ['text', 'label'].map((name) => ({
      name,
      pages: [dictionaryPage(['spam']), repeated(5), ...Array.from({ length: 3 }, () => repeated(1e7))],
    })),
    rows + 5,
  );
  const { buffer, byteLength } = file;
  const source = { byteLength, slice: (from: number, to?: number) => Promise.resolve(buffer.slice(from, to)) };
  const { rows: read, total } = await readParquet(source, 'a.parquet', 5);
  expect([read.length, read[4], total]).toEqual([5, ['spam', 'spam'], rows + 5]);
  await expect(readParquet(source, 'a.parquet', 6)).rejects.toMatchObject({ code: 'tasks/too-large' });
});

it('columns of geometries count as missing, and are not read', async () => {
  const file = parquetWriteBuffer({
    columnData: [
      { name: 'text', data: ['a', 'b'], type: 'STRING' },
      { name: 'place', data: [{ type: 'Point', coordinates: [1, 2] }, null], type: 'GEOMETRY' },
    ],
  });
  const { columns, rows, warnings } = await readTableFile('a.parquet', new Uint8Array(file));
  expect({ columns, rows }).toEqual({ columns: ['text', 'place'], rows: [['a', ''], ['b', '']] }); // oxfmt-ignore
  expect(warnings).toEqual([expect.stringMatching(/^Column place holds geometries/)]);
});

/** Three texts and a column without any value, as pyarrow 26 writes them with LZ4: the empty page of its dictionary is a zero. */
const WITHOUT_VALUES =
  'UEFSMRUEFR4VIkwVBhUAEgAA8AABAAAAYQEAAABiAQAAAGMVABUUFRYsFQYVEBUGFQYcAAAAoAIAAAAGAQIDJAAVBBUAFQJMFQAVABIAAAAVABUOFRAsFQYVEBUGFQYcAAAAcAIAAAAGAAAVBBk8NQAYBnNjaGVtYRUEABUMJQIYBHRleHQlAEwcAAAAFQwlAhgEbm9uZSUATBwAAAAWBhkcGSwmABwVDBk1AAYQGRgEdGV4dBUOFgYWdBZ6JkYmCCksFQQVABUCABUAFRAVAgA8FgYZBhkmAAYAAAAmABwVDBk1AAYQGRgEbm9uZRUOFgYWUBZUJqABJoIBKSwVBBUAFQIAFQAVEBUCADwWABkGGSYGAAAAABbEARYGJggWzgEAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRksHAAAHAAAAOMAAABQQVIx';

it('a column without any value is read, also with LZ4', async () => {
  const { columns, rows } = await readTableFile('a.parquet', new Uint8Array(Buffer.from(WITHOUT_VALUES, 'base64')));
  expect({ columns, rows }).toEqual({ columns: ['text', 'none'], rows: [['a', ''], ['b', ''], ['c', '']] }); // oxfmt-ignore
});
