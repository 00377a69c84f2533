import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Device } from '../../device/device.ts';
import { F32 } from '../../testing/compare.ts';
import { acquireTestGpu, TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest, integers, noise, type TestInput, weight } from '../../testing/graphs.ts';
import { argMax, choiceLosses, crossEntropy } from './cross-entropy.ts';
import { matmul } from './matmul.ts';

/** Operands of a cross-entropy over V entries of a vocabulary; the third row does not count. */
const inputs = (rows: number, D: number, V: number, head: Omit<TestInput, 'shape'>) => ({
  x: weight([rows, D]),
  head: { shape: [V, D], ...head },
  labels: {
    shape: [rows],
    dtype: 'i32' as const,
    values: integers(rows, V).map((label, r) => (r === 2 ? -100 : label)),
  },
  w: { shape: [rows] },
});

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  describe('cross-entropy over a vocabulary', () => {
    test.each([
      [1, 1, 1],
      [3, 4, 5],
      [7, 5, 97],
      [4, 8, 1000],
      [3, 2, 4099],
    ])('of %i rows of %i over %i: in one chunk, and in chunks of one, two and three rows', async (rows, D, V) => {
      const rowBytes = Math.ceil(V / 4) * 16;
      for (const chunkRows of [rows, 1, 2, 3]) {
        const t = new GraphUnderTest(inputs(rows, D, V, { trainable: true }), (g, input) => {
          const projection = { x: input('x'), head: input('head'), alpha: 0.5 };
          return {
            loss: crossEntropy(g, projection, input('labels'), input('w'), chunkRows * rowBytes),
            best: argMax(g, matmul(g, input('x'), input('head'), { layout: 'nt' })),
          };
        }).withGradients('loss');
        t.checkFiniteDifferences(device, 1e-6, 4);
        await t.checkDevice(device, F32);
      }
    });

    // One that packs in blocks and one that does not; matmul.test.ts has every packing, by the same kernels.
    test.each(['int8', 'bf16'] as const)('with a frozen head stored as %s, in parts', async (packing) => {
      const t = new GraphUnderTest(inputs(7, 36, 50, { packing, rowsPerPart: 21 }), (g, input) => ({
        loss: crossEntropy(
          g,
          { x: input('x'), head: input('head'), alpha: 1 },
          input('labels'),
          input('w'),
          3 * 52 * 4, // three rows at a time
        ),
      })).withGradients('loss');
      t.checkFiniteDifferences(device);
      await t.checkDevice(device, F32);
    });
  });

  test.each([1, 255, 4096, 5003])('the first of equal maxima of rows of %i', async (V) => {
    // Each row has its maximum in another place, and again in its last.
    const values = [0, 1, V >> 1].flatMap((place) =>
      noise(V, place).map((x, v) => (v === Math.min(place, V - 1) || v === V - 1 ? 9 : x)),
    );
    const logits = { shape: [3, V], values: values.flatMap((row) => Array.from(row)) };
    const t = new GraphUnderTest({ logits }, (g, input) => ({ best: argMax(g, input('logits')) }));
    expect(Array.from(t.onCpu().get('best') ?? [])).toEqual([0, Math.min(1, V - 1), V >> 1]);
    await t.checkDevice(device, 1e-9);
  });

  describe('choices at nodes', () => {
    test.each([
      [1, 1, 1, [1]],
      [3, 4, 7, [2, 0, 70, 1]],
      [2, 8, 300, [3, 1, 1, 2, 5]],
      [1, 4, 5003, [260, 1]],
    ])('%i rows, inner size %i, vocabulary %i, choices %o', async (B, D, V, counts) => {
      const [N, C] = [counts.length, counts.reduce((a, b) => a + b, 0)];
      const begins = [0, ...counts.map((_, n) => counts.slice(0, n + 1).reduce((a, b) => a + b, 0))];
      for (const chunkRows of [B * N, 1, 3]) {
        const t = new GraphUnderTest(
          {
            x: { shape: [B, N, D] },
            head: { shape: [V, D] },
            begins: { shape: [N + 1], dtype: 'u32', values: begins },
            tokens: { shape: [C], dtype: 'u32', values: integers(C, V) },
          },
          (g, input) => {
            const projection = { x: input('x'), head: input('head'), alpha: 0.5 };
            const choices = { begins: input('begins'), tokens: input('tokens') };
            return { ...choiceLosses(g, projection, choices, chunkRows * V * 4) };
          },
        );
        await t.checkDevice(device, F32);
      }
    });

    test('have the losses of cross-entropy', () => {
      const [B, D, V] = [3, 5, 11];
      const labels = integers(B, V);
      const t = new GraphUnderTest(
        {
          x: { shape: [B, 1, D] },
          head: { shape: [V, D] },
          labels: { shape: [B], dtype: 'i32', values: labels },
          w: { shape: [B], values: [1, 10, 100] },
          begins: { shape: [2], dtype: 'u32', values: [0, V] },
          tokens: { shape: [V], dtype: 'u32', values: Array.from({ length: V }, (_, v) => v) },
        },
        (g, input) => {
          const projection = { x: input('x'), head: input('head'), alpha: 2 };
          const { loss } = choiceLosses(g, projection, { begins: input('begins'), tokens: input('tokens') });
          return { loss, total: crossEntropy(g, projection, input('labels'), input('w')) };
        },
      );
      const outputs = t.onCpu();
      const total = labels.reduce((sum, label, b) => sum + 10 ** b * outputs.get('loss')![b * V + label], 0);
      expect(outputs.get('total')![0]).toBeCloseTo(total, 10);
    });
  });
});

test('cross-entropy over a vocabulary whose size is not a multiple of four, by larger tiles', async () => {
  const device = await acquireTestGpu();
  vi.spyOn(device.gpu.tuning, 'variantOf').mockReturnValue('register-8');
  const t = new GraphUnderTest(inputs(70, 36, 131, { trainable: true }), (g, input) => ({
    loss: crossEntropy(
      g,
      { x: input('x'), head: input('head'), alpha: 0.5 },
      input('labels'),
      input('w'),
      33 * 132 * 4,
    ),
  })).withGradients('loss');
  await t.checkDevice(device, F32);
  await device.destroy();
});
