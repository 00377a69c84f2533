import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { canUnpackVec4, type MatmulShape, plainProduct } from '../../device/matmul-shape.ts';
import { chooseTile, splitsOf } from '../../device/webgpu/kernels/matmul.ts';
import { planVariant, scratchOf, variantsOf } from '../../device/webgpu/kernels/matmul-variants.ts';
import type { WebGpuDevice } from '../../device/webgpu/webgpu-device.ts';
import { F32 } from '../../testing/compare.ts';
import { acquireCardGpu } from '../../testing/devices.ts';
import { GraphUnderTest, operandsOf, PACKINGS } from '../../testing/graphs.ts';
import { batchedMatmul, matmul } from './matmul.ts';

const CARD = { isSoftware: false };
const SOFTWARE = { isSoftware: true };

/** Workgroups that a plan starts, without the addition of partial sums. */
function groupsOf(shape: MatmulShape, variant: 'register-8' | 'few-rows', traits = CARD): number {
  const [x, y, z] = planVariant(shape, variant, traits).workgroups ?? [1, 1, 1];
  return x * y * z;
}

describe('K is split', () => {
  // Gradients of adapters, of a decoder's inputs and of its logits.
  const thin = [
    plainProduct('tn', 8, 1024, 4096),
    plainProduct('nt', 80, 1024, 1024),
    plainProduct('nn', 80, 1024, 32128),
  ];
  test.each(thin)('to start 256 workgroups on a card for $layout $M × $N × $K, and 16 on a CPU', (shape) => {
    expect(groupsOf(shape, 'register-8')).toBeGreaterThanOrEqual(256);
    expect(groupsOf(shape, 'register-8', SOFTWARE)).toBeLessThanOrEqual(64);
    expect(chooseTile(shape, CARD, 4).splits).toBe(chooseTile(shape, CARD, 8).splits);
    expect(scratchOf(shape, CARD)).toBe(shape.M * shape.N * chooseTile(shape, CARD).splits);
  });

  test('into no parts that are too short, and not where there is work enough', () => {
    expect(splitsOf(plainProduct('nt', 8, 8, 255), CARD, 1, 128)).toBe(1);
    expect(splitsOf(plainProduct('nt', 8, 8, 256), CARD, 1, 128)).toBe(2);
    expect(splitsOf(plainProduct('nt', 8, 8, 1e6), CARD, 255, 128)).toBe(2);
    expect(splitsOf(plainProduct('nt', 8, 8, 1e6), CARD, 256, 128)).toBe(1);
    expect(splitsOf({ ...plainProduct('nt', 8, 8, 1e6), accumulate: true }, CARD, 1, 128)).toBe(256);
    expect(splitsOf({ ...plainProduct('nt', 8, 8, 1e6), accumulate: true }, SOFTWARE, 1, 128)).toBe(1);
  });
});

describe('few rows', () => {
  let device: WebGpuDevice;
  beforeAll(async () => {
    device = await acquireCardGpu();
  });
  afterAll(() => device.destroy());

  const few = (M: number, N: number, K: number): MatmulShape => plainProduct('nt', M, N, K);

  test('are a kernel of cards, for rows that can be read four floats at once', () => {
    expect(device.gpu.tuning.variantOf(few(16, 8, 256))).toBe('few-rows');
    for (const shape of [
      few(17, 8, 256),
      few(16, 8, 252),
      few(16, 8, 257),
      { ...few(8, 8, 256), layout: 'nn' } as const,
    ])
      expect(variantsOf(shape, CARD)).not.toContain('few-rows');
    expect(variantsOf(few(8, 8, 256), SOFTWARE)).not.toContain('few-rows');
    // Every matrix of a decoding step occupies the card.
    for (const N of [256, 2048, 5632]) expect(groupsOf(few(8, N, 2048), 'few-rows')).toBeGreaterThanOrEqual(128);
  });

  // 1, primes, the tiles' sides (4, 8 and 16 rows; 4 and 8 columns) and one more or less; parts of K of 512 and more.
  const shapes = [
    [1, 1, 256],
    [3, 7, 260],
    [5, 9, 512],
    [8, 31, 2052],
    [16, 67, 1540],
  ];
  test.each(shapes)('%i × %i × %i', async (M, N, K) => {
    const inputs = { a: { shape: [M, K] }, b: { shape: [N, K] }, d: { shape: [M, N] }, into: { shape: [M, N] } };
    await new GraphUnderTest(inputs, (g, input) => ({
      // The first two forms are the same for any number of rows; each kernel takes seconds to compile.
      ...(M === 5 && {
        plain: matmul(g, input('a'), input('b'), { layout: 'nt' }),
        y: matmul(g, input('a'), input('b'), { layout: 'nt', alpha: 0.5, addend: input('d') }),
      }),
      into: matmul(g, input('a'), input('b'), { layout: 'nt', into: input('into'), accumulate: true }),
    })).checkDevice(device, F32);
  });

  test('of a stack, some shared', async () => {
    const [n, M, N, K] = [3, 5, 11, 516];
    const inputs = { a: { shape: [n, M, K] }, b: { shape: [n, N, K] }, shared: { shape: [1, N, K] } };
    await new GraphUnderTest(inputs, (g, input) => ({
      y: batchedMatmul(g, input('a'), input('b'), { layout: 'nt' }),
      shared: batchedMatmul(g, input('a'), input('shared'), { layout: 'nt' }),
    })).checkDevice(device, F32);
  });

  // All numbers of rows unpack alike.
  test.each(PACKINGS)('of a matrix stored as %s', async (packing) => {
    const [N, K] = [67, 1028];
    for (const M of packing === 'int4' ? [1, 7, 16] : [7]) {
      const inputs = { a: { shape: [M, K] }, b: { shape: [N, K], packing } };
      await new GraphUnderTest(inputs, (g, input) => ({
        y: matmul(g, input('a'), input('b'), { layout: 'nt' }),
      })).checkDevice(device, F32);
    }
  });

  test('of a packed matrix in parts, which begin anywhere in C', async () => {
    const [M, N, K] = [7, 67, 1028];
    const parts = { shape: [N, K], packing: 'int8' as const, rowsPerPart: 23 };
    await new GraphUnderTest({ a: { shape: [M, K] }, parts, d: { shape: [M, N] } }, (g, input) => ({
      y: matmul(g, input('a'), input('parts'), { layout: 'nt', alpha: 0.5, addend: input('d') }),
    })).checkDevice(device, F32);
  });
});

describe.each(['block', 'block-light'] as const)('%s', (variant) => {
  let device: WebGpuDevice;
  beforeAll(async () => {
    device = await acquireCardGpu();
  });
  afterAll(() => device.destroy());
  afterEach(() => vi.restoreAllMocks());

  /** Makes it compute every product that it can. @returns how often it was asked to. */
  function always(): () => number {
    const chosen = vi.spyOn(device.gpu.tuning, 'variantOf');
    chosen.mockImplementation((shape) => (canUnpackVec4(shape) ? variant : 'register-8'));
    return () => chosen.mock.results.filter(({ value }) => value === variant).length;
  }

  test('is a kernel of cards, for products that fill half of a block', () => {
    for (const packedB of [undefined, { packing: 'int4', elements: 64 * 64 } as const]) {
      const product = { ...plainProduct('nt', 64, 64, 64), ...(packedB && { packedB }) };
      expect(variantsOf({ ...product, window: { rowC: 128 } }, CARD)).toContain(variant);
      expect(variantsOf({ ...product, M: 31 }, CARD)).not.toContain(variant);
    }
    expect(variantsOf(plainProduct('nt', 64, 64, 64), CARD)).not.toContain('register-4');
    expect(variantsOf(plainProduct('nt', 64, 64, 64), SOFTWARE)).not.toContain('block-light');
  });

  // 1, primes, the sides of a block (64 × 64, 16 of K) and one more or less; K in parts from 256 on. The two differ in
  // the rows of a thread only, so one reads all layouts in vectors of four, the other in single floats.
  const shapes = {
    block: [
      [64, 64, 16],
      [33, 68, 260],
      [68, 132, 36],
    ],
    'block-light': [
      [1, 1, 1],
      [7, 13, 11],
      [65, 63, 17],
      [63, 65, 15],
      [67, 31, 521],
    ],
  }[variant];
  describe.each(['nt', 'nn', 'tn'] as const)('%s', (layout) => {
    test.each(shapes)('%i × %i × %i', async (M, N, K) => {
      always();
      const [a, b] = operandsOf(layout, M, N, K);
      const inputs = { a: { shape: a }, b: { shape: b }, d: { shape: [M, N] }, into: { shape: [M, N] } };
      const added = { alpha: 0.5, accumulate: true };
      await new GraphUnderTest(inputs, (g, input) => ({
        y: matmul(g, input('a'), input('b'), { layout, addend: input('d'), into: input('into'), ...added }),
      })).checkDevice(device, F32);
    });
  });

  test('of stacks, padded and shared', async () => {
    always();
    const [n, M, N, K] = [3, 33, 35, 20];
    const inputs = {
      a: { shape: [n, M, K] },
      b: { shape: [n, N, K] },
      shared: { shape: [1, N, K] },
      into: { shape: [n, M * N + 5] },
    };
    await new GraphUnderTest(inputs, (g, input) => ({
      shared: batchedMatmul(g, input('a'), input('shared'), { layout: 'nt' }),
      into: batchedMatmul(g, input('a'), input('b'), {
        layout: 'nt',
        alpha: -2,
        into: input('into'),
        accumulate: true,
      }),
    })).checkDevice(device, F32);
  });

  // Blocks of 32 values end within a row. Both forms unpack alike.
  if (variant === 'block-light') {
    test.each(PACKINGS)('of a matrix stored as %s', async (packing) => {
      const asked = always();
      const [M, N, K] = [66, 72, 36];
      await new GraphUnderTest({ a: { shape: [M, K] }, b: { shape: [N, K], packing } }, (g, input) => ({
        y: matmul(g, input('a'), input('b'), { layout: 'nt' }),
      })).checkDevice(device, F32);
      expect(asked()).toBeGreaterThanOrEqual(1);
    });
  }

  test('of parts of a packed matrix, which lie anywhere in C (NT) and in A (NN)', async () => {
    const asked = always();
    const [M, N, K] = [66, 72, 36];
    const parts = { shape: [N, K], packing: 'int8' as const, rowsPerPart: 28 };
    await new GraphUnderTest({ a: { shape: [M, K] }, parts, dy: { shape: [M, N] } }, (g, input) => ({
      y: matmul(g, input('a'), input('parts'), { layout: 'nt' }),
      dx: matmul(g, input('dy'), input('parts'), { layout: 'nn' }),
    })).checkDevice(device, F32);
    expect(asked()).toBeGreaterThanOrEqual(3 + 3);
  });
});
