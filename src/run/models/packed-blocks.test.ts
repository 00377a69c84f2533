import { describe, expect, test } from 'vitest';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { BLOCK, packedBytes, unpack } from '../../device/packing.ts';
import { compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { embedding } from '../../graph/ops/embedding.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { InputBuffers } from '../../models/input-buffers.ts';
import { type PackedValues, Parameters } from '../../models/parameters.ts';
import { relativeError } from '../../testing/compare.ts';
import { limitedDevice, TEST_DEVICES } from '../../testing/devices.ts';
import { referencesWith } from '../../testing/reference.ts';
import { BLOCK_TYPES, type BlockTypeName, dequantise } from '../../weights/gguf/blocks.ts';
import { readValues } from '../evaluation/decoding.ts';
import { FROZEN_WEIGHTS, frozenPacking } from './frozen-weights.ts';
import { packedBlocks, packingOfBlocks, readParameter, storedTypeOf } from './packed-blocks.ts';

const FILE = 'golden/gguf_blocks.json';

interface Case {
  type: BlockTypeName;
  blocks: string;
}

const cases = referencesWith(FILE).flatMap((folder) =>
  folder.json<{ read: Case[] }>(FILE).read.map(({ type, blocks }) => {
    const bytes = new Uint8Array(Buffer.from(blocks, 'base64'));
    const name = `${type} of ${folder.name}`;
    return { name, type: BLOCK_TYPES[type], bytes, packing: packingOfBlocks(type), shape: [0] };
  }),
);
type Held = (typeof cases)[number] & { packing: NonNullable<(typeof cases)[number]['packing']> };
const held = cases.filter((one): one is Held => one.packing !== undefined);

const bitsOf = (values: Float32Array): number[] => [...new Uint32Array(values.slice().buffer)];

test('five types are held as they are', () => {
  expect([...new Set(held.map(({ type }) => type.name))]).toEqual(['Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q4_K']);
});

describe.each(held)('$name in its packing', ({ type, bytes, packing, shape }) => {
  const values = dequantise(type, bytes);
  const packed = packedBlocks('w', { type, bytes, shape }, packing);

  test('has the same bits, whole and in parts', () => {
    expect(packed.length).toBe(values.length);
    expect(bitsOf(unpack(packed.words(0, values.length), packing, values.length))).toEqual(bitsOf(values));
    for (const [begin, end] of [
      [0, BLOCK],
      [BLOCK, 4 * BLOCK],
      [3 * BLOCK, values.length],
    ]) {
      const words = packed.words(begin, end);
      expect(words.byteLength).toBe(packedBytes(packing, end - begin));
      expect(bitsOf(unpack(words, packing, end - begin))).toEqual(bitsOf(values.subarray(begin, end)));
    }
  });

  test('is refused where a scale is no number', () => {
    const broken = bytes.slice();
    broken.set([0, 0x7e], 0); // every block begins with its scale in 16 bits
    const packed = packedBlocks('w', { type, bytes: broken, shape }, packing);
    expect(() => packed.words(0, values.length)).toThrow(
      expect.objectContaining({ code: 'weights/not-finite' }) as Error,
    );
  });

  test.each(TEST_DEVICES)('has the same bits on $name, whole and in parts', async ({ acquire }) => {
    const device = await acquire();
    try {
      for (const limit of [device.limits.buffer, 2 * packedBytes(packing, COLUMNS)]) {
        const { rows, product } = await readAndMultiplied(limitedDevice(device, limit), packed);
        expect(bitsOf(rows)).toEqual(bitsOf(values));
        expect(relativeError(product, wantedProduct(values))).toBeLessThan(1e-6);
      }
    } finally {
      await device.destroy();
    }
  });
});

const COLUMNS = 64;
const X = Float32Array.from({ length: 3 * COLUMNS }, (_, i) => Math.sin(i));

/** All rows of a matrix, looked up on a device, and X times its transpose. */
async function readAndMultiplied(
  device: Device,
  packed: PackedValues,
): Promise<{ rows: Float32Array; product: Float32Array }> {
  const count = packed.length / COLUMNS;
  const parameters = await Parameters.load(device, new Map([['w', [count, COLUMNS]]]), () => Promise.resolve(packed), {
    packing: () => packed.packing,
  });
  const owned: OwnedBuffer[] = [];
  const inputs = new InputBuffers(device, owned);
  const g = new Graph();
  const ids = inputs.make(
    'ids',
    [1, count],
    'u32',
    Uint32Array.from({ length: count }, (_, i) => i),
  );
  const rows = embedding(g, parameters.tensor('w'), ids);
  const product = matmul(g, inputs.make('x', [3, COLUMNS], 'f32', X), parameters.tensor('w'), { layout: 'nt' });
  const compiled = await compile(device, 'test', g, [rows, product]);
  await device.run([compiled.program]);
  const found = {
    rows: await readValues(device, compiled, rows, Float32Array),
    product: await readValues(device, compiled, product, Float32Array),
  };
  compiled.destroy();
  parameters.destroy();
  for (const buffer of owned) buffer.destroy();
  return found;
}

const wantedProduct = (values: Float32Array): number[] =>
  Array.from({ length: 3 }, (_, i) =>
    Array.from({ length: values.length / COLUMNS }, (_, j) =>
      X.subarray(i * COLUMNS, (i + 1) * COLUMNS).reduce((sum, x, k) => sum + x * values[j * COLUMNS + k], 0),
    ),
  ).flat();

describe('a frozen matrix that a GGUF file stores as', () => {
  const packings = (stored: string, name = 'model.layers.0.mlp.up_proj.weight'): (string | undefined)[] =>
    FROZEN_WEIGHTS.map((setting) => frozenPacking(setting, name, [64, 64], stored));

  test.each([
    ['Q8_0', ['int8', 'int8', 'int8', 'int4']],
    ['Q5_0', ['int8', 'int8', 'int8', 'int4']],
    ['Q4_0', ['int4', 'int4', 'int4', 'int4']],
    ['Q4_1', ['uint4', 'uint4', 'uint4', 'uint4']],
    ['Q4_K', ['uint4', 'uint4', 'uint4', 'uint4']],
    ['Q6_K', [undefined, undefined, 'int8', 'int4']],
    ['F16', [undefined, 'f16', 'int8', 'int4']],
  ])('%s is stored as %j', (stored, wanted) => {
    expect(packings(stored)).toEqual(wanted);
  });

  test('Q8_0 stays 8-bit in the vocabulary’s table', () => {
    expect(packings('Q8_0', 'model.embed_tokens.weight')).toEqual(['int8', 'int8', 'int8', 'int8']);
  });
});

test('a parameter is read in blocks only for the packing that holds them', async () => {
  const { type, bytes } = held[0];
  const info = { name: 'w', dtype: 'F32', shape: [8, 32], begin: 0, end: bytes.length, file: 'a.gguf' } as const;
  const model = {
    tensors: new Map([['w', { ...info, blocks: type.name }]]),
    readTensor: () => Promise.resolve(dequantise(type, bytes)),
    readRaw: () => Promise.reject(new Error('not asked for')),
    readBlocks: () => Promise.resolve({ type, bytes, shape: info.shape }),
    contentHash: () => Promise.resolve(''),
  };
  expect(storedTypeOf(model, 'w')).toBe('Q8_0');
  expect(await readParameter(model, 'w', undefined)).toEqual(dequantise(type, bytes));
  expect(await readParameter(model, 'w', 'int4')).toEqual(dequantise(type, bytes));
  expect(await readParameter(model, 'w', 'int8')).toMatchObject({ packing: 'int8', length: 256 });
});
