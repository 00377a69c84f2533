import { describe, expect, it } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import { ggufOf, type TestGguf, type TestTensor } from '../../testing/gguf-of.ts';
import { type GgufHeader, readGgufHeader } from './header.ts';
import type { Pieces } from './piece-reader.ts';

const fileOf = (bytes: Uint8Array, parts: [number, number][] = []): Pieces => ({
  bytes: bytes.length,
  read: (begin, end) => {
    parts.push([begin, end]);
    return Promise.resolve(bytes.subarray(begin, end));
  },
});
const read = (file: TestGguf): Promise<GgufHeader> => readGgufHeader(fileOf(ggufOf(file)));
const tensor = (name: string, claims: TestTensor['claims'] = {}): TestTensor => ({
  name,
  shape: [4],
  values: [1, 2, 3, 4],
  claims,
});

describe('readGgufHeader', () => {
  it.each([2, 3])('reads values of every type, and tensors, in version %i', async (version) => {
    const { metadata, tensors, dataStart } = await read({
      version,
      alignment: 64,
      metadata: {
        'general.alignment': ['uint32', 64],
        text: ['string', 'é\u0000'],
        flag: ['bool', true],
        byte: ['int8', -5],
        short: ['uint16', 65_535],
        small: ['float32', 1e-5],
        double: ['float64', 0.1],
        long: ['uint64', 2n ** 63n],
        list: ['array', 'string', ['a', '']],
        flags: ['array', 'bool', [true, false]],
        longs: ['array', 'int64', [-1n, 2n]],
      },
      tensors: [tensor('a'), { name: 'b', shape: [2, 3], values: [1, 2, 3, 4, 5, 6] }],
    });
    expect(metadata.text('text')).toBe('é\u0000');
    expect(metadata.flag('flag')).toBe(true);
    expect(['byte', 'short', 'small', 'double'].map((key) => metadata.number(key))).toEqual([-5, 65_535, 1e-5, 0.1]);
    expect(metadata.texts('list')).toEqual(['a', '']);
    expect(metadata.values.get('flags')).toEqual({ type: 'array', of: 'bool', items: [true, false] });
    expect(metadata.numbers('longs')).toEqual(Float64Array.of(-1, 2));
    expect(() => metadata.number('long')).toThrow(/long is 9223372036854775808, which is out of range/);
    expect(() => metadata.whole('byte')).toThrow(/not a whole number/);
    expect(() => metadata.text('flag')).toThrow(/flag is of type bool, not a string/);
    expect(dataStart % 64).toBe(0);
    expect([...tensors.values()].map(({ name, shape, begin, end }) => [name, shape, begin, end])).toEqual([
      ['a', [4], 0, 16],
      ['b', [2, 3], 64, 88],
    ]);
  });

  it('asks a server only for the parts that the header needs', async () => {
    const header = ggufOf({
      metadata: { big: ['array', 'uint32', new Array<number>(2 ** 20).fill(7)] },
      tensors: [tensor('a')],
    });
    const whole = new Uint8Array(2 ** 25);
    whole.set(header);
    const parts: [number, number][] = [];
    const { dataStart } = await readGgufHeader({ ...fileOf(whole, parts), bytes: null });
    expect(parts).toEqual([
      [0, 2 ** 21],
      [2 ** 21, 2 ** 21 + 2 ** 22],
    ]);
    expect(dataStart).toBe(header.length - 32);
  });

  it.each<[string, TestGguf, RegExp]>([
    ['another format', { magic: 'GGML' }, /does not begin with GGUF/],
    ['version 1', { version: 1 }, /has version 1; versions 2 and 3 are read/],
    ['a later version', { version: 4 }, /has version 4/],
    ['a big-endian file', { version: 0x03000000 }, /is big-endian/],
    [
      'more tensors than any model has',
      { claims: { tensors: 2n ** 60n } },
      /claims to have 1152921504606847000 tensors/,
    ],
    [
      'more tensors than there are',
      { claims: { tensors: 9 }, tensors: [tensor('a')] },
      /dimensions; 1 to 4 are allowed/,
    ],
    ['more values than there are', { claims: { values: 3 } }, /within its header/],
    ['a value of no type', { metadata: { a: [13, 0] } }, /"a" is of type 13, which does not exist/],
    ['a flag of 2', { metadata: { a: ['bool', 2] } }, /neither true nor false/],
    ['lists of lists', { metadata: { a: ['array', 'array', []] } }, /list of lists/],
    ['a list of no type', { metadata: { a: ['array', 99, []] } }, /of type 99/],
    ['a value twice', { metadata: { a: ['bool', true] }, more: [['a', ['bool', false]]] }, /the value "a" twice/],
    ['an alignment of 0', { metadata: { 'general.alignment': ['uint32', 0] } }, /alignment is 0/],
    ['an alignment of 48', { metadata: { 'general.alignment': ['uint32', 48] } }, /alignment is 48/],
    [
      'an alignment in words',
      { metadata: { 'general.alignment': ['string', '32'] } },
      /is of type string, not a number/,
    ],
    ['a tensor twice', { tensors: [tensor('a'), tensor('a')] }, /the tensor "a" twice/],
    ['tensors that overlap', { tensors: [tensor('a'), tensor('b', { begin: 0 })] }, /must begin at 32/],
    ['a tensor outside the file', { tensors: [tensor('a', { begin: 2 ** 40 })] }, /must begin at 0/],
    ['a tensor larger than the file', { tensors: [tensor('a', { dimensions: [2 ** 30] })] }, /by its header it has/],
    ['a tensor of no size', { tensors: [tensor('a', { dimensions: [0] })] }, /cannot consist of whole blocks/],
    [
      'sizes that overflow',
      { tensors: [tensor('a', { dimensions: [2 ** 39, 2 ** 39] })] },
      /cannot consist of whole blocks/,
    ],
    ['half a block', { tensors: [tensor('a', { type: 8 })] }, /whole blocks of Q8_0/],
    ['no dimensions', { tensors: [tensor('a', { dimensions: [] })] }, /0 dimensions/],
    ['five dimensions', { tensors: [tensor('a', { dimensions: [1, 1, 1, 1, 4] })] }, /5 dimensions/],
    ['a type of few bits', { tensors: [tensor('a', { type: 16 })] }, /"a".*IQ2_XXS/],
    ['a type that does not exist', { tensors: [tensor('a', { type: 999 })] }, /type 999/],
  ])('refuses %s', async (_, file, message) => {
    const thrown: unknown = await read(file).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(GorpError);
    expect(thrown).toMatchObject({ code: expect.stringMatching(/^weights\/gguf/) as string });
    expect((thrown as GorpError).message).toMatch(message);
    expect((thrown as GorpError).nextStep).not.toBe('');
  });

  it('refuses a string of 2 GiB, a list of 2⁶⁰ numbers and text that is not UTF-8 without taking memory', async () => {
    const start = ggufOf({ metadata: { a: ['string', ''] } });
    const lie = (file: Uint8Array, at: number, length: bigint): Uint8Array => {
      new DataView(file.buffer).setBigUint64(at, length, true);
      return file;
    };
    // The file has 24 bytes before the name, 9 of it, 4 of its type; then the length.
    await expect(readGgufHeader({ ...fileOf(lie(start, 37, 2n ** 31n)), bytes: 2 ** 33 })).rejects.toThrow(
      /claims to have 2147483648 bytes/,
    );
    const list = ggufOf({ metadata: { a: ['array', 'uint8', []] } });
    await expect(readGgufHeader(fileOf(lie(list, 41, 2n ** 60n)))).rejects.toThrow(/items of "a"/);
    const text = ggufOf({ metadata: { a: ['string', 'xy'] } });
    text[45] = 0xff;
    await expect(readGgufHeader(fileOf(text))).rejects.toThrow(/not UTF-8/);
  });

  it('refuses every truncated file, and one with bytes after its end', async () => {
    const file = ggufOf({
      metadata: { a: ['string', 'text'], b: ['array', 'int32', [1, 2]] },
      tensors: [tensor('a'), tensor('b')],
    });
    const unpadded = file.length - 16; // the last tensor need not be padded
    for (let bytes = 0; bytes <= file.length + 1; bytes++) {
      const cut = new Uint8Array(bytes);
      cut.set(file.subarray(0, bytes));
      const opened = readGgufHeader(fileOf(cut));
      if (bytes === unpadded || bytes === file.length) await opened;
      else await expect(opened, `${bytes} bytes`).rejects.toBeInstanceOf(GorpError);
    }
  });
});
