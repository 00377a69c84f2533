import { joined } from '../../base/pieces.ts';
import { expect, test } from 'vitest';
import { BLOCK_TYPES, quantise } from './blocks.ts';
import { readGgufHeader } from './header.ts';
import type { GgufValue } from './values.ts';
import { ggufBytes, type GgufSource } from './write.ts';

const written = (metadata: Record<string, GgufValue>, tensors: readonly GgufSource[]): Promise<Uint8Array> =>
  joined(ggufBytes(new Map(Object.entries(metadata)), tensors));

const reads = (bytes: Uint8Array): Parameters<typeof readGgufHeader>[0] => ({
  bytes: bytes.length,
  read: (begin, end) => Promise.resolve(new Uint8Array(bytes.subarray(begin, end))),
});

const VALUES: Record<string, GgufValue> = {
  a: { type: 'uint8', value: 255 },
  b: { type: 'int8', value: -128 },
  c: { type: 'uint16', value: 65_535 },
  d: { type: 'int16', value: -2 },
  e: { type: 'uint32', value: 4_294_967_295 },
  f: { type: 'int32', value: -3 },
  g: { type: 'float32', value: 0.5 },
  h: { type: 'bool', value: true },
  i: { type: 'string', value: 'ü '.repeat(50_000) },
  j: { type: 'uint64', value: 2n ** 63n },
  k: { type: 'int64', value: -5n },
  l: { type: 'float64', value: 1e-300 },
  m: { type: 'array', of: 'string', items: Array.from({ length: 20_000 }, (_, i) => `token ${i}`) },
  n: { type: 'array', of: 'float32', items: Float32Array.of(1, -2.5) },
  o: { type: 'array', of: 'bool', items: [true, false] },
  p: { type: 'array', of: 'int32', items: Int32Array.of(1, -1) },
};

test.each([undefined, 8, 256])(
  'a file of every type of value is read again, aligned to %s bytes',
  async (alignment) => {
    const values = new Float32Array(96).map((_, i) => Math.sin(i));
    const metadata: Record<string, GgufValue> =
      alignment === undefined ? VALUES : { ...VALUES, 'general.alignment': { type: 'uint32', value: alignment } };
    const source = (name: string, type: 'F32' | 'Q8_0', shape: readonly number[]): GgufSource => ({
      name,
      shape,
      type: BLOCK_TYPES[type],
      read: () =>
        Promise.resolve(
          quantise(
            name,
            values.subarray(
              0,
              shape.reduce((a, b) => a * b),
            ),
            type,
          ),
        ),
    });
    const tensors = [source('one', 'F32', [5]), source('two', 'Q8_0', [3, 32]), source('three', 'F32', [1, 2, 3])];
    const bytes = await written(metadata, tensors);
    const header = await readGgufHeader(reads(bytes));
    for (const [key, value] of Object.entries(metadata)) {
      const found = header.metadata.values.get(key);
      expect(found?.type).toBe(value.type);
      if (value.type === 'array') expect(found).toMatchObject({ of: value.of, items: { length: value.items.length } });
      else expect(found).toEqual(value);
    }
    for (const tensor of tensors) {
      const { name, type, shape } = tensor;
      const found = header.tensors.get(name);
      expect(found).toMatchObject({ type, shape });
      const [begin, end] = [found?.begin ?? 0, found?.end ?? 0].map((at) => at + header.dataStart);
      expect(begin % (alignment ?? 32)).toBe(0);
      expect(bytes.slice(begin, end)).toEqual(new Uint8Array(await tensor.read()));
    }
  },
);
