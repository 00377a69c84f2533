import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { F32 } from '../../testing/compare.ts';
import { acquireTestGpu, TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest, integers, noise, PACKINGS, weight } from '../../testing/graphs.ts';
import { activation, add, addBias, dropout, gatedActivation, scale, scaleRows, unit } from './elementwise.ts';
import { distillation, divergence } from './distillation.ts';
import { embedding } from './embedding.ts';
import { maskRows } from './mask-rows.ts';
import { orthonormality } from './square-measures.ts';
import { relativeBias } from './position-bias.ts';
import { rotary } from './rotary.ts';
import { scaleBlocks } from './scale-blocks.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

const BY = { temperature: 2, omitsRight: false };

test('on WebGPU, more than 65,535 workgroups', async () => {
  const device = await acquireTestGpu();
  const size = 65_536 * 64 + 3;
  const x = { shape: [size], values: new Float32Array(size).fill(1.5) };
  await new GraphUnderTest({ x }, (g, input) => ({ y: add(g, input('x'), input('x'), 1, 2) })).checkDevice(device, F32);
  await device.destroy();
});

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  describe('elementwise', () => {
    test.each(['relu', 'gelu_new', 'silu'] as const)('%s, plain and gated', async (kind) => {
      // Single elements and vectors of four, in one workgroup and in several.
      for (const size of [1, 65, 1028, 1031]) {
        const t = new GraphUnderTest({ x: weight([size]), u: weight([size]) }, (g, input) => ({
          y: add(g, activation(g, kind, input('x')), gatedActivation(g, kind, input('x'), input('u')), 1, 3),
        })).withGradients('y');
        t.checkFiniteDifferences(device);
        await t.checkDevice(device, F32);
      }
    });

    test('the last function of a gate, which is 0 at 0 and below 1 elsewhere', async () => {
      for (const size of [1, 65, 1028, 1031]) {
        const t = new GraphUnderTest({ x: weight([size]) }, (g, input) => ({
          y: activation(g, 'abs_tanh_half', input('x')),
        })).withGradients('y');
        t.checkFiniteDifferences(device);
        await t.checkDevice(device, F32);
      }
      const x = { shape: [5], values: [-1e4, -60, 0, 60, 1e4], trainable: true };
      await new GraphUnderTest({ x }, (g, input) => ({ y: activation(g, 'abs_tanh_half', input('x')) })).checkDevice(
        device,
        F32,
      );
    });

    test('gelu of large numbers does not overflow', async () => {
      const x = { shape: [5], values: [-1e4, -60, 0, 60, 1e4] };
      await new GraphUnderTest({ x }, (g, input) => ({ y: activation(g, 'gelu_new', input('x')) })).checkDevice(
        device,
        F32,
      );
    });

    test('dropout', async () => {
      const step = { shape: [1], dtype: 'u32' as const, values: [17] };
      const t = new GraphUnderTest({ x: weight([40, 25]), step }, (g, input) => ({
        y: dropout(g, input('x'), { step: input('step'), salt: 4, rate: 0.3 }),
      })).withGradients('y');
      t.checkFiniteDifferences(device);
      await t.checkDevice(device, F32);
    });

    test.each([1, 65, 1031])('scales a tensor of %i to length 1, and leaves 0 at 0', async (size) => {
      for (const squared of [noise(size, 1).reduce((sum, x) => sum + x * x, 0), 0]) {
        const x = { shape: [size], ...(squared === 0 && { values: new Float64Array(size) }) };
        await new GraphUnderTest({ x, squared: { shape: [1], values: [squared] } }, (g, input) => ({
          y: unit(g, input('x'), input('squared')),
        })).checkDevice(device, F32);
      }
    });

    test.each([
      [1, 1, 1, 1],
      [3, 5, 2, 3],
      [2, 33, 3, 8],
      [4, 1, 5, 4],
    ])(
      'blocks of columns scaled by gates: %i examples of %i tokens, %i gates of %i columns',
      async (B, T, n, width) => {
        const t = new GraphUnderTest({ x: weight([B, T, n * width]), gates: weight([n, B, 1]) }, (g, input) => ({
          y: scaleBlocks(g, input('x'), input('gates')),
        })).withGradients('y');
        t.checkFiniteDifferences(device);
        await t.checkDevice(device, F32);
      },
    );

    test('rows scaled', async () => {
      await new GraphUnderTest({ x: { shape: [6, 7] }, w: { shape: [6] } }, (g, input) => ({
        y: scaleRows(g, input('x'), input('w')),
      })).checkDevice(device, F32);
    });
  });

  test.each([
    [1, 3, 5, 1],
    [2, 8, 8, 6],
    [3, 64, 66, 49],
    [1, 4, 9, 0],
    [1, 4, 9, 4],
  ])('%i matrices of %i rows of %i, with %i rows masked', async (count, rows, columns, cut) => {
    const size = rows * columns;
    // Some values are equal: the first counts as smaller.
    const values = Float64Array.from({ length: count * rows }, (_, i) => (i * 7) % 5);
    const inputs = { x: { shape: [count, rows, columns] }, values: { shape: [count, 1, rows], values } };
    const t = new GraphUnderTest(inputs, (g, input) => ({
      y: maskRows(g, input('x'), input('values'), { count, size, stride: size, apart: rows }, cut),
    }));
    const left = t.onCpu().get('y') ?? [];
    const zeros = Array.from(left).filter((value) => value === 0).length;
    expect(zeros).toBe(count * cut * columns);
    await t.checkDevice(device, F32);
  });

  test.each([
    [1, 1, 3],
    [3, 70, 8],
    [5, 261, 5],
  ])('divergence of %i rows over %i from a teacher', async (rows, vocabulary, width) => {
    const labels = {
      shape: [rows],
      dtype: 'i32' as const,
      values: Int32Array.from({ length: rows }, (_, r) => (r === 1 ? -100 : 0)),
    };
    const inputs = {
      x: weight([rows, width]),
      z: { shape: [rows, width] },
      head: weight([vocabulary, width]),
      labels,
      weight: { shape: [1, rows] },
    };
    const t = new GraphUnderTest(inputs, (g, input) => {
      const own = { x: input('x'), head: input('head'), alpha: 0.7 };
      const teacher = { x: input('z'), head: input('head'), alpha: 0.7 };
      return { y: distillation(g, own, teacher, { labels: input('labels'), weight: input('weight') }, BY) };
    });
    await t.checkDevice(device, F32);
  });

  describe.each([false, true])('divergence, the right token left out: %s', (omitsRight) => {
    test.each([
      [1, 1],
      [3, 2],
      [3, 70],
      [4, 257],
      [2, 4099],
    ])('gradient of %i rows of %i', async (rows, vocabulary) => {
      const labels = {
        shape: [rows],
        dtype: 'i32' as const,
        // The first token, one without a label, and the last.
        values: Int32Array.from({ length: rows }, (_, r) => (r === 1 ? -100 : r === 2 ? vocabulary - 1 : 0)),
      };
      const inputs = { scores: weight([rows, vocabulary]), teacher: { shape: [rows, vocabulary] }, labels };
      const t = new GraphUnderTest(inputs, (g, input) => ({
        y: divergence(g, input('scores'), input('teacher'), input('labels'), omitsRight),
      })).withGradients('y');
      t.checkFiniteDifferences(device);
      await t.checkDevice(device, F32);
    });
  });

  describe('bias and factor of a linear layer', () => {
    test.each([
      [1, 1],
      [7, 5],
      [33, 17],
      [0, 3],
      [65, 128],
    ])('%i rows of %i', async (rows, columns) => {
      const t = new GraphUnderTest({ x: weight([rows, columns]), b: weight([columns]) }, (g, input) => ({
        y: scale(g, addBias(g, input('x'), input('b')), 1.5),
      })).withGradients('y');
      t.checkFiniteDifferences(device, 1e-6);
      await t.checkDevice(device, F32);
    });
  });

  describe('rotary embedding', () => {
    test.each([
      [1, 1, 2],
      [5, 3, 6],
      [24, 2, 8],
      [33, 2, 16],
    ])('%i tokens, %i heads of %i', async (N, H, d) => {
      const reach = N + 2;
      const angles = noise((reach * d) / 2, 4);
      const table = Array.from({ length: reach * d }, (_, i) => {
        const angle = angles[Math.floor(i / d) * (d / 2) + (i % (d / 2))];
        return i % d < d / 2 ? Math.cos(angle) : Math.sin(angle);
      });
      const inputs = {
        x: weight([1, N, H * d]),
        same: weight([1, N, H * d]),
        more: weight([1, N, (H + 2) * d]),
        table: { shape: [reach, d], values: table },
        // In any order, the first below 0.
        positions: {
          shape: [N],
          dtype: 'i32' as const,
          values: Array.from({ length: N }, (_, i) => ((i * 7) % N) - 4),
        },
        offset: { shape: [1], dtype: 'u32' as const, values: [3] },
      };
      const rotated = (combine: (g: Graph, turn: (...names: string[]) => Tensor[]) => Record<string, Tensor>) =>
        new GraphUnderTest(inputs, (g, input) => {
          const lookup = { table: input('table'), positions: input('positions'), offset: input('offset') };
          return combine(g, (...names) => rotary(g, names.map(input), lookup));
        }).withGradients('y');
      const graphs = [
        rotated((g, turn) => {
          const [a, b] = turn('x', 'same');
          return { y: add(g, a, b, 1, 2) };
        }),
        rotated((_, turn) => {
          const [y, keys] = turn('x', 'more'); // only one has a gradient
          return { y, keys };
        }),
        rotated((_, turn) => ({ y: turn('more')[0] })),
      ];
      for (const t of graphs) {
        t.checkFiniteDifferences(device);
        await t.checkDevice(device, F32);
      }
    });
  });

  test.each([1, 7, 131])('relative bias of %i distances', async (distances) => {
    const buckets = { shape: [distances], dtype: 'u32' as const, values: integers(distances, 6) };
    const t = new GraphUnderTest({ table: { shape: [6, 3] }, buckets }, (g, input) => ({
      bias: relativeBias(g, input('table'), input('buckets')),
    }));
    await t.checkDevice(device, F32);
  });

  test.each([11, 12])('embedding of %i columns', async (columns) => {
    const ids = { shape: [3, 5], dtype: 'u32' as const, values: integers(15, 7) };
    const t = new GraphUnderTest({ table: weight([7, columns]), ids }, (g, input) => ({
      y: embedding(g, input('table'), input('ids')),
    })).withGradients('y');
    t.checkFiniteDifferences(device);
    await t.checkDevice(device, F32);
  });

  test.each(PACKINGS)('embedding from a frozen table stored as %s, whole and in parts', async (packing) => {
    const ids = { shape: [3, 5], dtype: 'u32' as const, values: integers(15, 7) };
    for (const columns of [11, 64]) {
      for (const rowsPerPart of [7, 3]) {
        const t = new GraphUnderTest({ table: { shape: [7, columns], packing, rowsPerPart }, ids }, (g, input) => ({
          y: embedding(g, input('table'), input('ids')),
        }));
        await t.checkDevice(device, F32);
      }
    }
  });

  describe('orthonormality', () => {
    /** Columns of the unit matrix, the last `empty` of them zeros, plus an error at one entry of each matrix. */
    const nearly = (n: number, dimension: number, k: number, empty: number, error: number): number[] =>
      Array.from({ length: n * dimension * k }, (_, at) => {
        const [row, column] = [Math.floor(at / k) % dimension, at % k];
        const unit = row === column && column < k - empty ? 1 : 0;
        return unit + (row === 0 && column === 0 ? error * (1 + Math.floor(at / (dimension * k))) : 0);
      });

    test.each([
      [1, 1, 1, 0],
      [3, 5, 3, 1],
      [2, 16, 9, 0],
      [5, 40, 13, 6],
    ])('%i matrices %i × %i, %i columns empty', async (n, dimension, k, empty) => {
      for (const error of [0, 0.01]) {
        const values = nearly(n, dimension, k, empty, error);
        const t = new GraphUnderTest({ S: { shape: [n, dimension, k], values }, error: { shape: [n] } }, (g, input) => {
          orthonormality(g, input('S'), input('error'));
          return { error: input('error') };
        });
        const after = t.onCpu().get('error') ?? [];
        for (let i = 0; i < n; i++) expect(after[i]).toBeCloseTo((1 + error * (1 + i)) ** 2 - 1, 6);
        await t.checkDevice(device, F32);
      }
    });

    test('of random columns, zeros and NaN', async () => {
      const values = [...noise(24, 7), ...new Array<number>(24).fill(0)];
      const t = new GraphUnderTest({ S: { shape: [2, 8, 3], values }, error: { shape: [2] } }, (g, input) => {
        orthonormality(g, input('S'), input('error'));
        return { error: input('error') };
      });
      expect(t.onCpu().get('error')?.[1]).toBe(0);
      await t.checkDevice(device, F32);
      values[0] = NaN;
      const bad = new GraphUnderTest({ S: { shape: [2, 8, 3], values }, error: { shape: [2] } }, (g, input) => {
        orthonormality(g, input('S'), input('error'));
        return { error: input('error') };
      });
      expect(bad.onCpu().get('error')?.[0]).toBeGreaterThan(1e38);
      await bad.checkDevice(device, F32);
    });
  });
});
