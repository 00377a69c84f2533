import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { F32 } from '../../testing/compare.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest, operandsOf, PACKINGS, weight } from '../../testing/graphs.ts';
import { batchedMatmul, matmul } from './matmul.ts';

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ name, acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  describe('matmul', () => {
    // 1, primes, tile - 1, tile, tile + 1; vector and scalar kernels; K long enough to be split.
    const shapes = [
      [1, 1, 1],
      [7, 13, 11],
      [31, 33, 32],
      [32, 32, 32],
      [33, 31, 36],
      [64, 4, 128],
      [8, 64, 520],
      [5, 3, 1031],
      [100, 68, 20],
      [129, 8, 16],
    ];
    for (const layout of ['nt', 'nn', 'tn'] as const) {
      test.each(shapes)(`${layout} %i × %i × %i`, async (M, N, K) => {
        const [a, b] = operandsOf(layout, M, N, K);
        const t = new GraphUnderTest({ a: weight(a), b: weight(b), d: weight([M, N]) }, (g, input) => ({
          y: matmul(g, input('a'), input('b'), { layout, alpha: 0.5, addend: input('d') }),
          plain: matmul(g, input('a'), input('b'), { layout }),
        })).withGradients('y');
        if (M * N * K < 4000) t.checkFiniteDifferences(device);
        await t.checkDevice(device, F32);
      });
    }

    test.each([
      [3, 5, 7, 9],
      [4, 8, 12, 256],
    ])('stacks of %i, %i × %i × %i, padded and shared', async (n, M, N, K) => {
      const stride = M * N + 5;
      const t = new GraphUnderTest(
        {
          a: { shape: [n, M, K] },
          b: { shape: [n, N, K] },
          shared: { shape: [1, N, K] },
          into: { shape: [n, stride] },
        },
        (g, input) => ({
          y: batchedMatmul(g, input('a'), input('b'), { layout: 'nt' }),
          shared: batchedMatmul(g, input('a'), input('shared'), { layout: 'nt' }),
          into: batchedMatmul(g, input('a'), input('b'), {
            layout: 'nt',
            alpha: -2,
            into: input('into'),
            accumulate: true,
          }),
        }),
      );
      await t.checkDevice(device, F32);
    });

    // The tiles of cards are larger, and unpack by the same text.
    const packings = name.includes('card') ? (['int4'] as const) : PACKINGS;
    describe.each(packings)('with a frozen matrix stored as %s', (packing) => {
      // Sides that are and are not multiples of four; blocks of 32 that end within a row; K long enough to be split.
      test.each([
        [7, 13, 11],
        [9, 32, 260],
      ])('%i × %i × %i, whole and split into rows, with its gradient', async (M, N, K) => {
        for (const rowsPerPart of [undefined, Math.ceil(N / 3)]) {
          const frozen = { shape: [N, K], packing, ...(rowsPerPart && { rowsPerPart }) };
          const t = new GraphUnderTest({ a: weight([M, K]), b: frozen, d: { shape: [M, N] } }, (g, input) => ({
            y: matmul(g, input('a'), input('b'), { layout: 'nt', alpha: 0.5, addend: input('d') }),
            again: matmul(g, input('d'), input('b'), { layout: 'nn', addend: input('a') }),
          })).withGradients('y');
          if (M * N * K < 4000) t.checkFiniteDifferences(device);
          await t.checkDevice(device, F32);
        }
      });
    });

    test('with a large f32 matrix split into rows', async () => {
      const b = { shape: [70, 20], rowsPerPart: 33 };
      const t = new GraphUnderTest({ a: weight([9, 20]), b, d: { shape: [9, 70] } }, (g, input) => ({
        y: matmul(g, input('a'), input('b'), { layout: 'nt', addend: input('d') }),
      })).withGradients('y');
      t.checkFiniteDifferences(device);
      await t.checkDevice(device, F32);
    });

    test('zero rows', async () => {
      const t = new GraphUnderTest({ a: { shape: [0, 8] }, b: { shape: [4, 8] } }, (g, input) => ({
        y: matmul(g, input('a'), input('b'), { layout: 'nt' }),
      }));
      await t.checkDevice(device, F32);
    });
  });
});
