import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it } from 'vitest';
import { readTableFile } from '../table.ts';

const bytes = (buffer: ArrayBuffer): Uint8Array<ArrayBuffer> => new Uint8Array(buffer);
const COLUMNS = [
  { name: 'text', data: ['Grüße', 'x', ''], type: 'STRING' as const },
  { name: 'label', data: [1, 2, 3], type: 'INT32' as const },
];

/** Two conversations, large integers, timestamps and pictures, as pyarrow 26 writes them with Zstandard. */
const OF_PYARROW =
  'UEFSMRUEFSoVPEwVBBUAEgAAKLUv/SAVqQAABAAAAHVzZXIJAAAAYXNzaXN0YW50FQAVHhUwLBUIFRAVBhUGHAAAACi1L/0gD3kAAAIAAAADCgIAAAAIBAEDChUEFToVTEwVCBUAEgAAKLUv/SAd6QAACAAAAEdyw7zDn2U/AwAAAEphLgEAAABiAQAAAGMVABUgFTIsFQgVEBUGFQYcAAAAKLUv/SAQgQAAAgAAAAMKAgAAAAgEAgPkABUEFSAVMkwVBBUAEgAAKLUv/SAQgQAAAAAAAAAAABABAAAAAAAAABUAFRIVJCwVBBUQFQYVBhwAAAAotS/9IAlJAAACAAAABAEBAwIVBBUQFSJMFQIVABIAACi1L/0gCEEAAABEjWNvAQAAFQAVEhUkLBUEFRAVBhUGHAAAACi1L/0gCUkAAAIAAAAEAQEEABUEFR4VMEwVBBUAEgAAKLUv/SAPeQAAAwAAAP/YAAQAAACJUE5HFQAVEhUkLBUEFRAVBhUGHAAAACi1L/0gCUkAAAIAAAAEAQEDAhUEGZw1ABgGc2NoZW1hFQgANQIYCG1lc3NhZ2VzFQIVBkw8AAAANQQYBGxpc3QVAgA1AhgHZWxlbWVudBUEABUMJQIYBHJvbGUlAEwcAAAAFQwlAhgHY29udGVudCUATBwAAAAVBCUCGAJpZAAVBCUCGAR3aGVuJRJMjBIcHAAAAAAAFQwlAhgFaW1hZ2UAFgQZHBlcJgAcFQwZNQAGEBlICG1lc3NhZ2VzBGxpc3QHZWxlbWVudARyb2xlFQwWCBaKARauASZgJggpLBUEFQAVAgAVABUQFQIAPBY0GSYEBBlWAAAAAAgAAAAmABwVDBk1AAYQGUgIbWVzc2FnZXMEbGlzdAdlbGVtZW50B2NvbnRlbnQVDBYIFpwBFsABJp4CJrYBKSwVBBUAFQIAFQAVEBUCADwWGhkmBAQZVgAAAAAIAAAAJgAcFQQZNQAGEBkYAmlkFQwWBBZ0FpgBJsQDJvYCKSwVBBUAFQIAFQAVEBUCADwpBhkmAAQAAAAmABwVBBk1AAYQGRgEd2hlbhUMFgQWZBaIASbMBCaOBCksFQQVABUCABUAFRAVAgA8KQYZJgAEAAAAJgAcFQwZNQAGEBkYBWltYWdlFQwWBBZyFpYBJuIFJpYFKSwVBBUAFQIAFQAVEBUCADwWDhkGGSYABAAAABbwBBYEJggWpAYAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRlcHAAAHAAAHAAAHAAAHAAAADQCAABQQVIx';

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
