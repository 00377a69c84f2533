import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bfloat16ToFloat32, halfToFloat32 } from '../base/half.ts';
import { seededRandom } from '../base/random.ts';
import { BLOCK, pack, packedBytes, PACKINGS, unpack } from './packing.ts';

const there = (values: Float32Array, packing: Parameters<typeof pack>[1]): Float32Array =>
  unpack(pack(values, packing), packing, values.length);

describe('16-bit values of a checkpoint', () => {
  test.each([
    ['f16', halfToFloat32],
    ['bf16', bfloat16ToFloat32],
  ] as const)('every finite %s is unchanged, including the sign of zero', (packing, read) => {
    const all = read(Uint16Array.from({ length: 65536 }, (_, i) => i)).filter(Number.isFinite);
    expect(all.length).toBeGreaterThan(63_000);
    expect(there(all, packing).every((value, i) => Object.is(value, all[i]))).toBe(true);
  });
});

describe.each([
  ['int8', 127],
  ['int4', 7],
] as const)('%s', (packing, largest) => {
  test('is off by at most half a step of the block, and exact for its largest value', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.integer({ min: -20, max: 20 }), (size, seed, e) => {
        const random = seededRandom(seed);
        const values = Float32Array.from({ length: size }, () => (2 * random.next() - 1) * 10 ** e);
        const found = there(values, packing);
        for (let block = 0; block * BLOCK < size; block++) {
          const [mine, wanted] = [found, values].map((all) => all.subarray(block * BLOCK, (block + 1) * BLOCK));
          const top = Math.max(...wanted.map(Math.abs));
          wanted.forEach((value, i) =>
            expect(Math.abs(mine[i] - value)).toBeLessThanOrEqual((top / largest) * 0.50001),
          );
          expect(Math.max(...mine.map(Math.abs)) / top).toBeCloseTo(1, 5);
        }
      }),
    );
  });

  test('leaves a block of zeros zero', () => {
    const values = new Float32Array(3 * BLOCK).fill(1, BLOCK, 2 * BLOCK);
    expect(there(values, packing)).toEqual(values);
  });

  test('packs unpacked values to the same words', () => {
    const random = seededRandom(3);
    const words = pack(
      Float32Array.from({ length: 1000 }, () => random.next() - 0.5),
      packing,
    );
    const again = unpack(words, packing, 1000);
    expect(unpack(pack(again, packing), packing, 1000)).toEqual(again);
  });
});

describe('uint4', () => {
  test('is off by at most half a step of the block’s range, and exact for its smallest value', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.nat(),
        fc.double({ min: -3, max: 3, noNaN: true }),
        (size, seed, shift) => {
          const random = seededRandom(seed);
          const values = Float32Array.from({ length: size }, () => random.next() + shift);
          const found = there(values, 'uint4');
          for (let block = 0; block * BLOCK < size; block++) {
            const [mine, wanted] = [found, values].map((all) => all.subarray(block * BLOCK, (block + 1) * BLOCK));
            const [least, top] = [Math.min(...wanted), Math.max(...wanted)];
            wanted.forEach((value, i) =>
              expect(Math.abs(mine[i] - value)).toBeLessThanOrEqual(((top - least) / 15) * 0.50001 + 1e-6),
            );
            expect(Math.min(...mine)).toBe(least);
          }
        },
      ),
    );
  });

  test('leaves a block of equal values as it is', () => {
    const values = new Float32Array(3 * BLOCK).fill(-0.3, BLOCK, 2 * BLOCK);
    expect(there(values, 'uint4')).toEqual(values);
  });
});

test('takes two bytes per value, or 9/8, 5/8 and 6/8 with the scales and minima', () => {
  const size = 100 * BLOCK;
  expect(PACKINGS.map((packing) => packedBytes(packing, size) / size)).toEqual([2, 2, 9 / 8, 5 / 8, 6 / 8]);
});
