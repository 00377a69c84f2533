import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it } from 'vitest';
import type { GorpError } from '../../base/errors.ts';
import { readTableFile } from '../table.ts';

const bytes = (buffer: ArrayBuffer): Uint8Array<ArrayBuffer> => new Uint8Array(buffer);
const COLUMNS = [
  { name: 'text', data: ['Grüße', 'x', ''], type: 'STRING' as const },
  { name: 'label', data: [1, 2, 3], type: 'INT32' as const },
];

/** Two conversations, large integers, timestamps and pictures, as pyarrow 26 writes them with Zstandard. */
const OF_PYARROW =
  'UEFSMRUEFSoVPEwVBBUAEgAAKLUv/SAVqQAABAAAAHVzZXIJAAAAYXNzaXN0YW50FQAVHhUwLBUIFRAVBhUGHAAAACi1L/0gD3kAAAIAAAADCgIAAAAIBAEDChUEFToVTEwVCBUAEgAAKLUv/SAd6QAACAAAAEdyw7zDn2U/AwAAAEphLgEAAABiAQAAAGMVABUgFTIsFQgVEBUGFQYcAAAAKLUv/SAQgQAAAgAAAAMKAgAAAAgEAgPkABUEFSAVMkwVBBUAEgAAKLUv/SAQgQAAAAAAAAAAABABAAAAAAAAABUAFRIVJCwVBBUQFQYVBhwAAAAotS/9IAlJAAACAAAABAEBAwIVBBUQFSJMFQIVABIAACi1L/0gCEEAAABEjWNvAQAAFQAVEhUkLBUEFRAVBhUGHAAAACi1L/0gCUkAAAIAAAAEAQEEABUEFR4VMEwVBBUAEgAAKLUv/SAPeQAAAwAAAP/YAAQAAACJUE5HFQAVEhUkLBUEFRAVBhUGHAAAACi1L/0gCUkAAAIAAAAEAQEDAhUEGZw1ABgGc2NoZW1hFQgANQIYCG1lc3NhZ2VzFQIVBkw8AAAANQQYBGxpc3QVAgA1AhgHZWxlbWVudBUEABUMJQIYBHJvbGUlAEwcAAAAFQwlAhgHY29udGVudCUATBwAAAAVBCUCGAJpZAAVBCUCGAR3aGVuJRJMjBIcHAAAAAAAFQwlAhgFaW1hZ2UAFgQZHBlcJgAcFQwZNQAGEBlICG1lc3NhZ2VzBGxpc3QHZWxlbWVudARyb2xlFQwWCBaKARauASZgJggpLBUEFQAVAgAVABUQFQIAPBY0GSYEBBlWAAAAAAgAAAAmABwVDBk1AAYQGUgIbWVzc2FnZXMEbGlzdAdlbGVtZW50B2NvbnRlbnQVDBYIFpwBFsABJp4CJrYBKSwVBBUAFQIAFQAVEBUCADwWGhkmBAQZVgAAAAAIAAAAJgAcFQQZNQAGEBkYAmlkFQwWBBZ0FpgBJsQDJvYCKSwVBBUAFQIAFQAVEBUCADwpBhkmAAQAAAAmABwVBBk1AAYQGRgEd2hlbhUMFgQWZBaIASbMBCaOBCksFQQVABUCABUAFRAVAgA8KQYZJgAEAAAAJgAcFQwZNQAGEBkYBWltYWdlFQwWBBZyFpYBJuIFJpYFKSwVBBUAFQIAFQAVEBUCADwWDhkGGSYABAAAABbwBBYEJggWpAYAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRlcHAAAHAAAHAAAHAAAHAAAADQCAABQQVIx';

/** Texts and decimal numbers of 38 digits, as pyarrow writes them with Snappy. */
const DECIMALS =
  'UEFSMRUEFSgVLEwVCBUAEgAAFEwBAAAAYQEAAABiAQAAAGMBAAAAZBUAFRQVGCwVCBUQFQYVBhw2ACgBZBgBYRERAAAACiQCAAAACAECA+QAFQQVQBU8TBUEFQASAAAgAAAFASQCnUK2TnZxQkTLBQ8oAAKdQrZOdnFCRMwVABUSFRYsFQgVEBUGFQYcGBAAAAAAAAACnUK2TnZxQkTMGBAAAAAAAAACnUK2TnZxQkTLFgAoEAAAAAAAAAKdQrZOdnFCRMwYEAAAAAAAAAKdQrZOdnFCRMsREQAAAAkgAgAAAAgBAQMKFQQZPDUAGAZzY2hlbWEVBAAVDCUCGAR0ZXh0JQBMHAAAABUOFSAVAhgFbGFiZWwlChUAFUwsXBUAFUwAAAAWCBkcGSwmABwVDBk1AAYQGRgEdGV4dBUCFggWkgEWmgEmUCYIHDYAKAFkGAFhEREAGSwVBBUAFQIAFQAVEBUCADwWCBkGGSYACAAAACYAHBUOGTUABhAZGAVsYWJlbBUCFggWrAIWrAIm+gEmogEcGBAAAAAAAAACnUK2TnZxQkTMGBAAAAAAAAACnUK2TnZxQkTLFgAoEAAAAAAAAAKdQrZOdnFCRMwYEAAAAAAAAAKdQrZOdnFCRMsREQAZLBUEFQAVAgAVABUQFQIAPCkGGSYACAAAABa+AxYIJggWxgMAGRwYDEFSUk9XOnNjaGVtYRjsAS8vLy8vNmdBQUFBUUFBQUFBQUFLQUF3QUJnQUZBQWdBQ2dBQUFBQUJCQUFNQUFBQUNBQUlBQUFBQkFBSUFBQUFCQUFBQUFJQUFBQklBQUFBQkFBQUFORC8vLzhBQUFFSEVBQUFBQndBQUFBRUFBQUFBQUFBQUFVQUFBQnNZV0psYkFBR0FBZ0FCQUFHQUFBQUpnQUFBQkFBRkFBSUFBWUFCd0FNQUFBQUVBQVFBQUFBQUFBQkJSQUFBQUFjQUFBQUJBQUFBQUFBQUFBRUFBQUFkR1Y0ZEFBQUFBQUVBQVFBQkFBQUFBQUFBQUE9ABggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZLBwAABwAAABLAgAAUEFSMQ==';

/** Texts, one missing, and lists, in pages of version 1, as pyarrow writes them without compression. */
const OF_LISTS =
  'UEFSMRUEFRwVHEwVBBUAEgAAAwAAAG9uZQMAAAB0d28VABUWFRYsFRQVEBUGFQYcAAAAAwAAAAX7AwEFqgAVBBUUFRRMFQQVABIAAAEAAAB4AQAAAHkVABUmFSYsFRgVEBUGFQYcAAAAAwAAAAVCAAUAAAAFH3/8AAED0hUEGVw1ABgGc2NoZW1hFQQAFQwlAhgEdGV4dCUATBwAAAA1AhgEdGFncxUCFQZMPAAAADUEGARsaXN0FQIAFQwlAhgHZWxlbWVudCUATBwAAAAWFBkcGSwmABwVDBk1AAYQGRgEdGV4dBUAFhQWdBZ0JkAmCCksFQQVABUCABUAFRAVAgA8FjYZBhkmAhIAAAAmABwVDBk1AAYQGTgEdGFncwRsaXN0B2VsZW1lbnQVABYYFnwWfCasASZ8KSwVBBUAFQIAFQAVEBUCADwWEBkmFAQZRgQEABAAAAAW8AEWFCYIFvABACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZLBwAABwAAAASAQAAUEFSMQ==';

it.each([
  ['Snappy', parquetWriteBuffer({ columnData: COLUMNS })],
  ['no compression', parquetWriteBuffer({ columnData: COLUMNS, codec: 'UNCOMPRESSED' })],
  ['gzip', parquetWriteBuffer({ columnData: COLUMNS, codec: 'GZIP', compressors: { GZIP: (part) => gzipSync(part) } })],
])('a Parquet file with %s is read as a table', async (_, file) => {
  const { columns, rows, nested } = await readTableFile('a.parquet', bytes(file));
  expect({ columns, rows, nested }).toEqual({
    columns: ['text', 'label'],
    rows: [
      ['Grüße', '1'],
      ['x', '2'],
      ['', '3'],
    ],
    nested: [],
  });
});

it('nested values are cells of JSON, and bytes that are no text count as missing', async () => {
  const file = await readTableFile('a.parquet', new Uint8Array(Buffer.from(OF_PYARROW, 'base64')));
  expect(file.columns).toEqual(['messages', 'id', 'when', 'image']);
  expect(file.nested).toEqual(['messages']);
  expect(JSON.parse(file.rows[0][0])).toEqual([
    { role: 'user', content: 'Grüße?' },
    { role: 'assistant', content: 'Ja.' },
  ]);
  expect(file.rows[0].slice(1)).toEqual(['1152921504606846976', '2020-01-02T00:00:00.000Z', '']);
  expect(file.warnings).toEqual([expect.stringContaining('image')]);
});

it('a page of Zstandard that unpacks to more than it says is damaged, however much that is', async () => {
  // A frame of 60,000 blocks, each of which repeats one byte 131,072 times: 7.3 GiB.
  const block = [2 + (131_072 << 3), 0].flatMap((value, i) => (i === 0 ? [value, value >> 8, value >> 16] : [value]));
  const blocks = Array.from({ length: 60_000 }, () => block.map((value) => value & 255)).flat();
  const frame = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, ...blocks, 1, 0, 0]);
  const file = parquetWriteBuffer({ columnData: COLUMNS, codec: 'ZSTD', compressors: { ZSTD: () => frame } });
  await expect(readTableFile('a.parquet', bytes(file))).rejects.toMatchObject({ code: 'tasks/bad-parquet' });
});

it('a codec that cannot be read is named with its column', async () => {
  const file = parquetWriteBuffer({ columnData: COLUMNS, codec: 'LZO', compressors: { LZO: (part) => part } });
  await expect(readTableFile('a.parquet', bytes(file))).rejects.toMatchObject({
    code: 'tasks/parquet-codec',
    message: expect.stringMatching(/text of a\.parquet.*LZO/) as string,
  });
});

it.each([
  ['cut', bytes(parquetWriteBuffer({ columnData: COLUMNS }).slice(0, -40))],
  ['of another format', new TextEncoder().encode('text,label\na,b\n')],
  ['empty', new Uint8Array()],
])('a file that is %s is refused', async (_, file) => {
  await expect(readTableFile('a.parquet', file)).rejects.toMatchObject({ code: 'tasks/bad-parquet' });
});

it('decimals that would be rounded count as missing, and so do strings that are not valid UTF-8', async () => {
  const decimals = await readTableFile('a.parquet', new Uint8Array(Buffer.from(DECIMALS, 'base64')));
  expect(decimals.rows.slice(0, 2)).toEqual([['a', ''], ['b', '']]); // oxfmt-ignore
  expect(decimals.warnings).toEqual([expect.stringMatching(/^Column label holds decimal numbers/)]);
  const names = { name: 'label', data: ['caf\u00e9', 'x'], type: 'STRING' as const };
  const file = bytes(parquetWriteBuffer({ columnData: [names], codec: 'UNCOMPRESSED' }));
  const at = Buffer.from(file).indexOf(Buffer.from('caf')) + 3;
  file.set([0xff, 0xfe], at);
  const broken = await readTableFile('a.parquet', file);
  expect(broken.rows).toEqual([[''], ['x']]);
  expect(broken.warnings).toEqual([expect.stringMatching(/^Column label holds bytes that are no text/)]);
});

it('a file whose columns are not those of its schema is refused', async () => {
  const file = bytes(parquetWriteBuffer({ columnData: COLUMNS }));
  const at = Buffer.from(file).lastIndexOf('label'); // the path of the column, after its name in the schema
  file[at + 1] = 'o'.charCodeAt(0);
  await expect(readTableFile('a.parquet', file)).rejects.toMatchObject({
    code: 'tasks/bad-parquet',
    message: expect.stringMatching(/other columns than the schema/) as string,
  });
});

it('a file that has other rows than it says is refused', async () => {
  const file = bytes(parquetWriteBuffer({ columnData: COLUMNS, codec: 'UNCOMPRESSED' }));
  const { parquetMetadata } = await import('hyparquet');
  const footer = file.length - 8 - parquetMetadata(file.buffer).metadata_length;
  // The number of rows follows the schema, as a field of type i64 (0x16) with the value 3, in zigzag form.
  const at = file.findIndex((byte, i) => i >= footer && byte === 0x16 && file[i + 1] === 6 && file[i + 2] === 0x19);
  file[at + 1] = 4;
  await expect(readTableFile('a.parquet', file)).rejects.toMatchObject({
    code: 'tasks/bad-parquet',
    message: expect.stringMatching(/has 3 rows, but says that there are 2/) as string,
  });
});

it.each([
  ['version 1', new Uint8Array(Buffer.from(OF_LISTS, 'base64'))],
  [
    'version 2',
    bytes(
      parquetWriteBuffer({
        columnData: [
          { name: 'text', data: ['a', undefined, 'b', 'a', 'a', 'b', 'a', 'b'], type: 'STRING', nullable: true },
          { name: 'right', data: [true, true, true, true, true, true, false, true], type: 'BOOLEAN', encoding: 'RLE' },
        ],
        codec: 'UNCOMPRESSED',
      }),
    ),
  ],
])('a run of more values than its page of %s has is damage, which ends nothing', async (_, whole) => {
  expect((await readTableFile('a.parquet', whole)).rows.length).toBeGreaterThan(7);
  // Without a limit, V8 ends the process at an array of so many values.
  const run = [0xfe, 0xff, 0xff, 0x7f];
  const causes: string[] = [];
  for (let at = 4; at < whole.length - 12; at++) {
    const damaged = Uint8Array.from(whole);
    damaged.set(run, at);
    const error = await readTableFile('a.parquet', damaged).then(
      () => null,
      (thrown: unknown) => thrown as GorpError,
    );
    if (error === null) continue;
    expect(error.code).toMatch(/^tasks\//);
    causes.push(/\((.*)\)/.exec(error.message)?.[1] ?? '');
  }
  const runs = causes.filter((cause) => cause.endsWith('a run of 134217727'));
  expect(runs.length, 'of levels and of values').toBeGreaterThan(1);
});
