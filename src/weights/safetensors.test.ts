import { joined } from '../base/pieces.ts';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GorpError } from '../base/errors.ts';
import { referenceFolders } from '../testing/reference.ts';
import { DTYPE_BITS, type Dtype, tensorBytes } from './dtypes.ts';
import { float32ToHalf } from '../base/half.ts';
import {
  parseHeader,
  readSafetensors,
  type SafetensorsHeader,
  type TensorSource,
  writeSafetensors,
} from './safetensors.ts';

/** A file with this header text and number of data bytes. */
function fileOf(header: string | Uint8Array, dataBytes = 0): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const parse = (file: Uint8Array): SafetensorsHeader => parseHeader(file, file.length);

/** The code of the error that parsing throws; anything but a GorpError with a message fails the test. */
function refusal(file: Uint8Array, fileSize = file.length): string | null {
  try {
    parseHeader(file, fileSize);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof GorpError)) throw thrown;
    expect(thrown.message.length).toBeGreaterThan(10);
    expect(thrown.nextStep.length).toBeGreaterThan(10);
    return thrown.code;
  }
}

const I32_2X2 = '{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}';

describe('parseHeader, in the tests of the reference implementation', () => {
  it('reads a tensor', () => {
    const { tensors, metadata, dataStart } = parse(fileOf(I32_2X2, 16));
    expect(dataStart).toBe(8 + I32_2X2.length);
    expect(metadata.size).toBe(0);
    expect([...tensors.values()]).toEqual([{ name: 'test', dtype: 'I32', shape: [2, 2], begin: 0, end: 16 }]);
  });

  it('test_json_attack: many tensors over the same bytes', () => {
    const entries = Array.from(
      { length: 10 },
      (_, i) => `"weight_${i}":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}`,
    );
    expect(refusal(fileOf(`{${entries.join(',')}}`, 16))).toBe('weights/invalid-tensor');
  });

  it('test_metadata_incomplete_buffer: too much or too little data', () => {
    expect(refusal(fileOf(I32_2X2, 16 + 34))).toBe('weights/incomplete-file');
    expect(refusal(fileOf(I32_2X2, 14))).toBe('weights/incomplete-file');
  });

  it('test_header_too_large', () => {
    const file = fileOf(I32_2X2, 16);
    file.set([0xff, 0xff, 0xff], 5);
    expect(refusal(file)).toBe('weights/header-too-large');
    new DataView(file.buffer).setBigUint64(0, 100_000_001n, true);
    expect(refusal(file)).toBe('weights/header-too-large');
    // At the limit the file is what is too short.
    new DataView(file.buffer).setBigUint64(0, 100_000_000n, true);
    expect(refusal(file)).toBe('weights/invalid-header-length');
  });

  it('test_header_too_small', () => {
    for (let length = 0; length < 8; length++) expect(refusal(new Uint8Array(length))).toBe('weights/header-too-small');
  });

  it('test_invalid_header_length', () => {
    expect(refusal(fileOf(I32_2X2, 16).subarray(0, 8))).toBe('weights/invalid-header-length');
    expect(refusal(fileOf(I32_2X2, 16).subarray(0, 40))).toBe('weights/invalid-header-length');
    expect(refusal(fileOf(I32_2X2, 16).subarray(0, 40), 8 + I32_2X2.length + 16)).toBe('weights/invalid-header-length');
  });

  it('test_invalid_header_non_utf8', () => {
    expect(refusal(fileOf(Uint8Array.of(0xff)))).toBe('weights/invalid-header');
    expect(refusal(fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)))).toBe('weights/invalid-header');
  });

  it('test_invalid_header_not_json', () => {
    for (const text of ['', '{', '{}}', '[]', 'null', '{"a"}', 'PK\u0003\u0004']) {
      expect(refusal(fileOf(text))).toBe('weights/invalid-header');
    }
  });

  it('test_whitespace_padded_header', () => {
    expect(parse(fileOf('{}    ')).tensors.size).toBe(0);
    expect(parse(fileOf('{}\r \t\n')).tensors.size).toBe(0);
  });

  it('test_whitespace_leading_padded_header, which the format refuses, like a byte order mark', () => {
    expect(refusal(fileOf('\t\n{}\r '))).toBe('weights/invalid-header');
    expect(refusal(fileOf('\ufeff{}'))).toBe('weights/invalid-header');
  });

  it('test_zero_sized_tensor and test_empty_shapes_allowed', () => {
    expect(parse(fileOf('{"test":{"dtype":"I32","shape":[2,0],"data_offsets":[0, 0]}}')).tensors.get('test')?.end).toBe(
      0,
    );
    expect(parse(fileOf('{"test":{"dtype":"I32","shape":[],"data_offsets":[0,4]}}', 4)).tensors.get('test')?.end).toBe(
      4,
    );
  });

  it('test_invalid_info', () => {
    expect(refusal(fileOf('{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0, 4]}}', 4))).toBe(
      'weights/invalid-tensor',
    );
  });

  it('test_validation_overflow', () => {
    for (const shape of [
      '2,18446744073709551614',
      '2,9223372036854775807',
      '4294967296,4294967296',
      '9007199254740991,2',
    ]) {
      const header = `{"test":{"dtype":"I32","shape":[${shape}],"data_offsets":[0,16]}}`;
      expect(refusal(fileOf(header, 16))).toBe('weights/invalid-tensor');
    }
  });
});

describe('parseHeader', () => {
  const tensor = (dtype: string, shape: string, offsets: string): string =>
    `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;

  it.each([
    ['a key given twice', `{"a":${tensor('"U8"', '[1]', '[0,1]')},"a":${tensor('"U8"', '[1]', '[0,1]')}}`, 1],
    ['a field given twice', '{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1],
    ['metadata given twice', '{"__metadata__":{"a":"b"},"__metadata__":{"a":"b"}}', 0],
    ['metadata with a number', '{"__metadata__":{"a":1}}', 0],
    ['metadata with an object', '{"__metadata__":{"a":{}}}', 0],
    ['metadata that is a list', '{"__metadata__":[]}', 0],
    ['metadata that is null', '{"__metadata__":null}', 0],
    ['a tensor that is a number', '{"a":1}', 0],
    ['no dtype', '{"a":{"shape":[1],"data_offsets":[0,1]}}', 1],
    ['no shape', '{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1],
    ['no offsets', '{"a":{"dtype":"U8","shape":[1]}}', 1],
    ['an unknown dtype', `{"a":${tensor('"float32"', '[1]', '[0,1]')}}`, 1],
    ['a dtype that is an inherited property', `{"a":${tensor('"valueOf"', '[1]', '[0,1]')}}`, 1],
    ['a negative size', `{"a":${tensor('"U8"', '[-1]', '[0,1]')}}`, 1],
    ['two negative sizes', `{"a":${tensor('"U8"', '[-1,-1]', '[0,1]')}}`, 1],
    ['a fractional size', `{"a":${tensor('"U8"', '[1.0]', '[0,1]')}}`, 1],
    ['a size with exponent', `{"a":${tensor('"U8"', '[1e0]', '[0,1]')}}`, 1],
    ['a size in quotes', `{"a":${tensor('"U8"', '["1"]', '[0,1]')}}`, 1],
    ['an offset of -0', `{"a":${tensor('"U8"', '[1]', '[-0,1]')}}`, 1],
    ['one offset', `{"a":${tensor('"U8"', '[1]', '[0]')}}`, 1],
    ['three offsets', `{"a":${tensor('"U8"', '[1]', '[0,1,1]')}}`, 1],
    ['an end before the begin', `{"a":${tensor('"U8"', '[1]', '[1,0]')}}`, 1],
    ['offsets beyond 2⁵³', `{"a":${tensor('"U8"', '[1]', '[9007199254740993,9007199254740994]')}}`, 1],
    ['a hole at the start', `{"a":${tensor('"U8"', '[1]', '[1,2]')}}`, 2],
    ['a hole', `{"a":${tensor('"U8"', '[1]', '[0,1]')},"b":${tensor('"U8"', '[1]', '[2,3]')}}`, 3],
    ['an overlap', `{"a":${tensor('"U8"', '[2]', '[0,2]')},"b":${tensor('"U8"', '[2]', '[1,3]')}}`, 3],
    ['half a byte', `{"a":${tensor('"F4"', '[3]', '[0,2]')}}`, 2],
    ['33 dimensions', `{"a":${tensor('"U8"', `[${Array(33).fill(1).join(',')}]`, '[0,1]')}}`, 1],
    ['deep nesting', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 0],
    ['half a surrogate pair in a name', `{"\\ud800":${tensor('"U8"', '[1]', '[0,1]')}}`, 1],
  ])('refuses %s', (_, header, dataBytes) => {
    expect(refusal(fileOf(header, dataBytes))).toMatch(/^weights\/invalid-(header|tensor)$/);
  });

  it('refuses a tensor with a name of megabytes in few words', () => {
    const file = fileOf(`{"${'a'.repeat(5e6)}":1}`);
    expect(() => parse(file)).toThrow(/^The entry of "a{3000,4000}…$/);
  });

  it('refuses too many tensors', () => {
    const empty = tensor('"U8"', '[0]', '[0,0]');
    const entries = Array.from({ length: 100_001 }, (_, i) => `"${i}":${empty}`);
    expect(refusal(fileOf(`{${entries.join(',')}}`))).toBe('weights/invalid-header');
    expect(refusal(fileOf(`{${entries.slice(1).join(',')}}`))).toBeNull();
  });

  it('accepts names with a meaning in JavaScript, and returns the metadata', () => {
    const header = `{"__metadata__":{"format":"pt","__proto__":"x"},"__proto__":${tensor('"U8"', '[1]', '[0,1]')},"":${tensor('"U8"', '[]', '[1,2]')}}`;
    const { tensors, metadata } = parse(fileOf(header, 2));
    expect([...tensors.keys()]).toEqual(['__proto__', '']);
    expect([...metadata]).toEqual([
      ['format', 'pt'],
      ['__proto__', 'x'],
    ]);
  });

  it('orders tensors by offset, including empty ones, whatever their order in the header', () => {
    const header = `{"c":${tensor('"U8"', '[2]', '[1,3]')},"b":${tensor('"F32"', '[0]', '[1,1]')},"a":${tensor('"U8"', '[1]', '[0,1]')}}`;
    expect([...parse(fileOf(header, 3)).tensors.keys()]).toEqual(['a', 'b', 'c']);
  });

  it('ignores fields it does not know, as the reference implementation does', () => {
    expect(
      refusal(fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"note":{"x":[1.5,null,true]}}}', 1)),
    ).toBeNull();
  });

  it('does not need the data', () => {
    expect(parseHeader(fileOf(I32_2X2), 8 + I32_2X2.length + 16).tensors.size).toBe(1);
  });
});

// Typical tensors: all kinds of names, dtypes and shapes, with random bytes.
const dtypes = Object.keys(DTYPE_BITS).filter((name): name is Dtype => name in DTYPE_BITS);
const arbitraryTensor = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(5), { maxLength: 4 }) })
  .filter(({ dtype, shape }) => tensorBytes(dtype, shape) !== null)
  .chain(({ dtype, shape }) => {
    const length = tensorBytes(dtype, shape) ?? 0;
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ dtype, shape, bytes }));
  });
const arbitraryName = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', '', 'a"b\\\n'),
);
const arbitraryFile = fc.record({
  tensors: fc.uniqueArray(fc.tuple(arbitraryName, arbitraryTensor), { selector: ([name]) => name, maxLength: 6 }),
  metadata: fc.uniqueArray(fc.tuple(arbitraryName, fc.string({ unit: 'grapheme' })), {
    selector: ([key]) => key,
    maxLength: 3,
  }),
});
type TestFile = typeof arbitraryFile extends fc.Arbitrary<infer T> ? T : never;

const write = ({ tensors, metadata }: TestFile): Promise<Uint8Array> =>
  joined(
    writeSafetensors(
      tensors.map(([name, { dtype, shape, bytes }]) => ({ name, dtype, shape, read: () => bytes })),
      new Map(metadata),
    ),
  );

/** Checks what must hold for every accepted header. */
function expectConsistent({ tensors, dataStart }: SafetensorsHeader, fileSize: number): void {
  let position = 0;
  for (const [name, info] of tensors) {
    expect(info.name).toBe(name);
    expect(info.begin).toBe(position);
    expect(info.end - info.begin).toBe(
      (info.shape.reduce((product, size) => product * size, 1) * DTYPE_BITS[info.dtype]) / 8,
    );
    expect([...info.shape, info.begin, info.end].every(Number.isSafeInteger)).toBe(true);
    position = info.end;
  }
  expect(dataStart + position).toBe(fileSize);
}

describe('writeSafetensors', () => {
  it('writes what parseHeader reads back, for any tensors and metadata', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryFile, async (original) => {
        const file = await write(original);
        const header = parse(file);
        expectConsistent(header, file.length);
        expect(header.dataStart % 8).toBe(0);
        expect(new Map(header.metadata)).toEqual(new Map(original.metadata));
        expect(header.tensors.size).toBe(original.tensors.length);
        for (const [name, { dtype, shape, bytes }] of original.tensors) {
          const info = header.tensors.get(name);
          expect(info).toMatchObject({ dtype, shape });
          const { begin, end } = info ?? { begin: 0, end: 0 };
          expect(file.slice(header.dataStart + begin, header.dataStart + end)).toEqual(bytes);
          // Whole-byte types are aligned for typed arrays.
          if (DTYPE_BITS[dtype] >= 8) expect(begin % (DTYPE_BITS[dtype] / 8)).toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('reads one tensor at a time, after writing the header', async () => {
    const log: string[] = [];
    const source = (name: string): TensorSource => ({
      name,
      dtype: 'F32',
      shape: [2],
      read: () => {
        log.push(`read ${name}`);
        return Promise.resolve(Float32Array.of(1, 2));
      },
    });
    for await (const piece of writeSafetensors([source('b'), source('a')])) log.push(`piece of ${piece.length}`);
    expect(log[0]).toMatch(/^piece of \d+$/);
    expect(log.slice(1)).toEqual(['read a', 'piece of 8', 'read b', 'piece of 8']);
  });

  it('writes part of a larger buffer, and half precision', async () => {
    const halves = float32ToHalf(Float32Array.of(9, 0.5, -2, 9)).subarray(1, 3);
    const file = await joined(writeSafetensors([{ name: 'h', dtype: 'F16', shape: [2], read: () => halves }]));
    expect(readSafetensors(file).get('h')).toEqual({ dtype: 'F16', shape: [2], data: Float32Array.of(0.5, -2) });
  });

  it('refuses data of the wrong length, a repeated name and the metadata’s name', async () => {
    const source = (name: string, bytes: number): TensorSource => ({
      name,
      dtype: 'U8',
      shape: [3],
      read: () => new Uint8Array(bytes),
    });
    for (const sources of [[source('a', 2)], [source('a', 3), source('a', 3)], [source('__metadata__', 3)]]) {
      await expect(joined(writeSafetensors(sources))).rejects.toBeInstanceOf(GorpError);
    }
  });
});

/** `npm run test:slow` covers more cases. */
const FACTOR = Number(process.env['GORP_PROPERTY_FACTOR'] ?? 1);

describe('mutated files', () => {
  const mutated = (mutate: fc.Arbitrary<(file: Uint8Array) => Uint8Array>, numRuns: number): Promise<void> =>
    fc.assert(
      fc.asyncProperty(arbitraryFile, mutate, async (original, change) => {
        const file = change(await write(original));
        if (refusal(file) === null) expectConsistent(parse(file), file.length);
      }),
      { numRuns },
    );
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('with bytes changed in the header', async () => {
    const edits = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 4 });
    await mutated(
      edits.map((list) => (file) => {
        const headerEnd = parse(file).dataStart;
        const changed = file.slice();
        for (const [where, byte] of list) changed[Math.floor(where * headerEnd)] = byte;
        return changed;
      }),
      400 * FACTOR,
    );
  });

  it('with digits changed in the header, so that it stays JSON', async () => {
    const edits = fc.array(fc.tuple(place, fc.constantFrom(...'0123456789')), { minLength: 1, maxLength: 3 });
    await mutated(
      edits.map((list) => (file) => {
        const changed = file.slice();
        const digits = [...changed.subarray(0, parse(file).dataStart).entries()].filter(
          ([i, byte]) => i >= 8 && byte >= 48 && byte <= 57,
        );
        for (const [where, digit] of list) {
          const at = digits[Math.floor(where * digits.length)]?.[0];
          if (at !== undefined) changed[at] = digit.charCodeAt(0);
        }
        return changed;
      }),
      400 * FACTOR,
    );
  });

  it('with parts of the header duplicated, dropped or replaced', async () => {
    const piece = fc.constantFrom(
      '',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a":',
      '-',
      '1e9',
      '99999999999999999999',
      'null',
      '"__metadata__":{},',
      '\\u0000',
      '   ',
    );
    const edit = fc.tuple(place, place, piece, fc.boolean());
    await mutated(
      edit.map(([from, to, text, twice]) => (file) => {
        const { dataStart } = parse(file);
        const json = new TextDecoder().decode(file.subarray(8, dataStart));
        const [begin, end] = [Math.floor(from * json.length), Math.floor(to * json.length)].sort((a, b) => a - b);
        const middle = twice ? json.slice(begin, end).repeat(2) : text;
        const changed = fileOf(json.slice(0, begin) + middle + json.slice(end), file.length - dataStart);
        return changed;
      }),
      400 * FACTOR,
    );
  });

  it('truncated or lengthened: never accepted', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryFile, place, fc.integer({ min: 1, max: 40 }), async (original, where, extra) => {
        const file = await write(original);
        expect(refusal(file.subarray(0, Math.floor(where * file.length)))).not.toBeNull();
        const longer = new Uint8Array(file.length + extra);
        longer.set(file);
        expect(refusal(longer)).toBe('weights/incomplete-file');
      }),
      { numRuns: 200 * FACTOR },
    );
  });

  it('of random bytes, with any length field', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.boolean(),
        (bytes, length, small) => {
          if (bytes.length >= 8) new DataView(bytes.buffer).setBigUint64(0, small ? length % 250n : length, true);
          if (refusal(bytes) === null) expectConsistent(parse(bytes), bytes.length);
        },
      ),
      { numRuns: 400 * FACTOR },
    );
  });
});

describe.each(referenceFolders)('the files of $name', (reference) => {
  const files = ['golden', 'models'].flatMap((folder) => reference.files(folder, '.safetensors'));

  it('exist', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  it.each(files)('%s reads as in another reader, and is the same when written again', async (path) => {
    const bytes = new Uint8Array(readFileSync(reference.path(path)));
    const tensors = readSafetensors(bytes);
    const { metadata } = parse(bytes);
    const sources = [...tensors].map(([name, { dtype, shape, data }]) => ({ name, dtype, shape, read: () => data }));
    const anew = await joined(writeSafetensors(sources, metadata));
    expect(parse(anew).metadata).toEqual(metadata);
    const writtenAnew = readSafetensors(anew);
    const golden = reference.tensors(path);
    expect(new Set(tensors.keys())).toEqual(new Set(golden.keys()));
    for (const [name, tensor] of tensors) {
      for (const other of [golden.get(name), writtenAnew.get(name)]) {
        expect(tensor.shape).toEqual(other?.shape);
        expect(isSameArray(tensor.data, other?.data)).toBe(true);
      }
    }
  });
});

/** Whether two typed arrays have one type and the same bits. */
function isSameArray(a: ArrayBufferView, b: ArrayBufferView | undefined): boolean {
  const bits = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return b !== undefined && a.constructor === b.constructor && bits(a).equals(bits(b));
}
