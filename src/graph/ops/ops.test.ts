import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Gpu } from '../../gpu/device.ts';
import { ATTENTION_VARIANTS, SAFE_ATTENTION } from '../../gpu/kernels/attention.ts';
import type { MatmulLayout, MatmulShape } from '../../gpu/kernels/matmul.ts';
import { shapeClass, variantsOf } from '../../gpu/kernels/matmul-variants.ts';
import { Tuning } from '../../gpu/tuning.ts';
import { relativeError } from '../../testing/compare.ts';
import { acquireTestGpu } from '../../testing/gpu.ts';
import { GraphUnderTest, noise, type TestInput } from '../../testing/graphs.ts';
import { attention } from './attention.ts';
import { argMax, choiceLosses, crossEntropy } from './cross-entropy.ts';
import { activation, add, dropout, gatedActivation, scaleRows } from './elementwise.ts';
import { embedding } from './embedding.ts';
import { lastTokens } from './last-tokens.ts';
import { batchedMatmul, matmul } from './matmul.ts';
import { mergedAttention } from './merged-attention.ts';
import { rmsNorm } from './norm.ts';
import { orthonormality } from './orthonormality.ts';
import { HIDDEN, HIDING_BIAS, pairwiseBias, relativeBias } from './position-bias.ts';
import { rotary } from './rotary.ts';
import type { Tensor } from '../tensor.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await acquireTestGpu();
});
afterAll(() => gpu.destroy());

// Relative Frobenius error allowed between the GPU (f32) and the twin (f64).
const F32 = 2e-5;

const PACKINGS = ['f16', 'bf16', 'int8', 'int4'] as const;

const PLAIN = {
  batch: 1,
  batchStrideA: 0,
  batchStrideB: 0,
  batchStrideC: 0,
  batchStrideD: 0,
  alpha: 0.5,
  addend: true,
  accumulate: false,
};

const weight = (shape: number[]): TestInput => ({ shape, trainable: true });
const integers = (size: number, below: number, seed = 3): number[] =>
  Array.from(noise(size, seed), (x) => Math.floor(Math.abs(x) * 1000) % below);

/** The class of a product that kernels are chosen for. */
function classOf(shape: MatmulShape): string {
  const name = shapeClass(shape);
  if (name === undefined) throw new Error('there is nothing to choose for this product');
  return name;
}

describe('matmul', () => {
  const operands: Record<MatmulLayout, (M: number, N: number, K: number) => [number[], number[]]> = {
    nt: (M, N, K) => [
      [M, K],
      [N, K],
    ],
    nn: (M, N, K) => [
      [M, K],
      [K, N],
    ],
    tn: (M, N, K) => [
      [K, M],
      [K, N],
    ],
  };
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
      const [a, b] = operands[layout](M, N, K);
      const t = new GraphUnderTest({ a: weight(a), b: weight(b), d: weight([M, N]) }, (g, input) => ({
        y: matmul(g, input('a'), input('b'), { layout, alpha: 0.5, addend: input('d') }),
        plain: matmul(g, input('a'), input('b'), { layout }),
      })).withGradients('y');
      if (M * N * K < 4000) t.checkFiniteDifferences();
      await t.checkGpu(gpu, F32);
    });
  }

  // No multiples of the tiles; of odd sizes there is no register tile of 16.
  const large = [
    { layout: 'nt', variant: 'register-16', sizes: [260, 68, 36] },
    { layout: 'nn', variant: 'register-16', sizes: [260, 68, 36] },
    { layout: 'tn', variant: 'register-16', sizes: [260, 68, 36] },
    { layout: 'nt', variant: 'block', sizes: [260, 132, 36] },
    { layout: 'nn', variant: 'block', sizes: [67, 129, 37] },
    { layout: 'tn', variant: 'block', sizes: [67, 129, 37] },
    { layout: 'nt', variant: 'subgroup-wide', sizes: [67, 132, 36] },
    { layout: 'nn', variant: 'subgroup-wide', sizes: [67, 132, 260] },
    { layout: 'tn', variant: 'subgroup-wide', sizes: [68, 132, 37] },
    { layout: 'nt', variant: 'subgroup-tall', sizes: [67, 132, 260] },
    { layout: 'tn', variant: 'subgroup-tall', sizes: [68, 68, 37] },
    { layout: 'nt', variant: 'subgroup-wide', sizes: [67, 129, 37] },
    { layout: 'nn', variant: 'subgroup-wide', sizes: [67, 129, 37] },
    { layout: 'tn', variant: 'subgroup-wide', sizes: [67, 129, 37] },
    { layout: 'nn', variant: 'subgroup-tall', sizes: [65, 129, 259] },
    { layout: 'nt', variant: 'subgroup-wide', sizes: [67, 129, 36] },
    { layout: 'tn', variant: 'subgroup-tall', sizes: [68, 65, 37] },
    // Those of adapters, K split by the kernels that can.
    { layout: 'nt', variant: 'subgroup-tall', sizes: [515, 16, 128] },
    { layout: 'nn', variant: 'subgroup-wide', sizes: [509, 128, 8] },
    { layout: 'tn', variant: 'subgroup-wide', sizes: [16, 128, 512] },
    { layout: 'tn', variant: 'register-4', sizes: [128, 16, 509] },
    // Both operands in padded rows, then one of them.
    { layout: 'nt', variant: 'padded-wide', sizes: [67, 129, 37] },
    { layout: 'nn', variant: 'padded-wide', sizes: [67, 129, 37] },
    { layout: 'tn', variant: 'padded-wide', sizes: [67, 129, 37] },
    { layout: 'nn', variant: 'padded-tall', sizes: [65, 129, 259] },
    { layout: 'nn', variant: 'padded-wide', sizes: [67, 132, 37] },
    { layout: 'nn', variant: 'padded-wide', sizes: [67, 130, 36] },
    { layout: 'tn', variant: 'padded-tall', sizes: [67, 132, 36] },
    { layout: 'tn', variant: 'padded-wide', sizes: [68, 131, 37] },
  ] as const;
  test.each(large)('$layout by $variant, $sizes', async ({ layout, variant, sizes: [M, N, K] }) => {
    const shape = { ...PLAIN, layout, M, N, K };
    expect(variantsOf(shape, gpu.tuning.subgroups)).toContain(variant);
    gpu.tuning.choose(classOf(shape), variant);
    expect(gpu.tuning.variantOf(shape)).toBe(variant);
    const [a, b] = operands[layout](M, N, K);
    await new GraphUnderTest({ a: { shape: a }, b: { shape: b }, d: { shape: [M, N] } }, (g, input) => ({
      y: matmul(g, input('a'), input('b'), { layout, alpha: 0.5, addend: input('d') }),
    })).checkGpu(gpu, F32);
  });

  describe('with operands rounded to 16-bit floats', () => {
    // Two operands that are off by 2^-11 of themselves at most, at random: half of that for a product, about.
    const F16 = 5e-4;
    const HALF = { nt: 'both', nn: 'b', tn: 'b' } as const;
    const canBeHalf = (): boolean => gpu.device.features.has('shader-f16'); // SwiftShader's cannot
    beforeAll(() => {
      gpu.tuning.halves = canBeHalf();
    });
    afterAll(() => {
      gpu.tuning.halves = false;
    });

    /** Makes the kernel the one of a product; false where the device cannot have it. */
    function chooseHalf(layout: MatmulLayout, M: number, N: number, K: number): boolean {
      const shape = { ...PLAIN, layout, M, N, K, halves: HALF[layout] };
      expect(variantsOf({ ...PLAIN, layout, M, N, K }, gpu.tuning.subgroups)).not.toContain('block-half');
      expect(variantsOf({ ...shape, window: { rowC: 2 * N } }, gpu.tuning.subgroups)).not.toContain('block-half');
      expect(variantsOf(shape, gpu.tuning.subgroups)).toContain('block-half');
      expect(shapeClass(shape)).not.toBe(shapeClass({ ...PLAIN, layout, M, N, K }));
      gpu.tuning.choose(classOf(shape), 'block-half');
      return canBeHalf();
    }

    // Sides of a tile (64 × 128, 8 of K), one less and one more, odd ones, and none that fits.
    const sizes = [
      [64, 128, 64],
      [65, 129, 65],
      [127, 127, 63],
      [260, 132, 36],
      [67, 129, 37],
    ];
    for (const layout of ['nt', 'nn', 'tn'] as const) {
      test.each(sizes)(`${layout} %i × %i × %i`, async (M, N, K) => {
        const isHalf = chooseHalf(layout, M, N, K);
        const [a, b] = operands[layout](M, N, K);
        const inputs = { a: { shape: a }, b: { shape: b }, d: { shape: [M, N] }, into: { shape: [M, N] } };
        const t = new GraphUnderTest(inputs, (g, input) => ({
          y: matmul(g, input('a'), input('b'), { layout, alpha: 0.5, addend: input('d'), halves: HALF[layout] }),
          into: matmul(g, input('a'), input('b'), {
            ...{ layout, into: input('into'), accumulate: true, halves: HALF[layout] },
          }),
        }));
        const expected = t.onCpu();
        for (const [name, actual] of await t.onGpu(gpu)) {
          const error = relativeError(actual, expected.get(name) ?? []);
          expect(error, name).toBeLessThan(isHalf ? F16 : F32);
          if (isHalf) expect(error, `${name} is rounded`).toBeGreaterThan(F32);
        }
      });
    }

    test('gradients of 1e-9, which 16 bits cannot hold, are not rounded', async () => {
      const [M, N, K] = [64, 64, 64];
      const isHalf = [chooseHalf('nn', M, K, N), chooseHalf('tn', N, K, M)].every(Boolean);
      const dy = { shape: [M, N], values: noise(M * N, 4).map((x) => x * 1e-9) };
      await new GraphUnderTest({ dy, b: { shape: [N, K] }, x: { shape: [M, K] } }, (g, input) => ({
        dx: matmul(g, input('dy'), input('b'), { layout: 'nn', halves: 'b' }),
        dw: matmul(g, input('dy'), input('x'), { layout: 'tn', halves: 'b' }),
      })).checkGpu(gpu, isHalf ? F16 : F32);
    });

    test('values beyond the range end at its bounds, and what is no number stays so', async () => {
      const [M, N, K] = [64, 64, 64];
      const isHalf = chooseHalf('nt', M, N, K);
      const a = noise(M * K, 1);
      for (let k = 0; k < K; k++) [a[k], a[K + k]] = [1e6, -1e6];
      [a[2 * K], a[3 * K]] = [Infinity, NaN];
      const t = new GraphUnderTest({ a: { shape: [M, K], values: a }, b: { shape: [N, K] } }, (g, input) => ({
        y: matmul(g, input('a'), input('b'), { layout: 'nt', halves: 'both' }),
      }));
      const clamped = new Map(t.values).set(
        t.input('a'),
        a.map((x) => (isHalf && Number.isFinite(x) ? Math.min(65504, Math.max(-65504, x)) : x)),
      );
      const rows = (y: Float64Array | undefined, first: number, end: number): Float64Array =>
        (y ?? new Float64Array()).subarray(first * N, end * N);
      const [found, expected] = [(await t.onGpu(gpu)).get('y'), t.onCpu(clamped).get('y')];
      for (const [first, end] of [
        [0, 1],
        [1, 2],
        [4, M],
      ]) {
        expect(relativeError(rows(found, first, end), rows(expected, first, end))).toBeLessThan(isHalf ? F16 : F32);
      }
      expect(rows(found, 2, 4).some((x) => Number.isFinite(x))).toBe(false);
    });

    test.each([true, false])(
      'parameters of a model and what they multiply may be rounded where that is %s',
      (halves) => {
        const b = { ...weight([64, 64]), mayBeHalf: true } as const;
        const t = new GraphUnderTest({ a: weight([64, 64]), b }, (g, input) => ({
          y: matmul(g, input('a'), input('b'), { layout: 'nt' }),
          plain: matmul(g, input('b'), input('a'), { layout: 'nt' }),
        })).withGradients('y');
        const tuning = new Tuning();
        tuning.halves = halves;
        const asked: string[] = [];
        vi.spyOn(tuning, 'variantOf').mockImplementation((shape) => {
          asked.push(`${shape.layout} ${shape.halves ?? 'none'}`);
          return 'register-4';
        });
        for (const operation of t.graph.operations) if (operation.name === 'matmul') operation.calls(tuning);
        const allowed = halves ? ['nt both', 'nt none', 'nn b', 'tn b'] : ['nt none', 'nt none', 'nn none', 'tn none'];
        expect(asked).toEqual(allowed);
      },
    );
  });

  test.each([
    [67, 132, 36, 'subgroup-wide'],
    [67, 129, 35, 'subgroup-wide'],
    [67, 129, 35, 'padded-wide'],
  ] as const)('%i × %i × %i by %s is added to what is there', async (M, N, K, variant) => {
    gpu.tuning.choose(classOf({ ...PLAIN, layout: 'nt', M, N, K }), variant);
    const inputs = { a: { shape: [M, K] }, b: { shape: [N, K] }, into: { shape: [M, N] } };
    await new GraphUnderTest(inputs, (g, input) => ({
      into: matmul(g, input('a'), input('b'), { layout: 'nt', into: input('into'), accumulate: true }),
    })).checkGpu(gpu, F32);
  });

  test.each([
    [3, 5, 7, 9],
    [4, 8, 12, 256],
  ])('stacks of %i, %i × %i × %i, padded and shared', async (n, M, N, K) => {
    const stride = M * N + 5;
    const t = new GraphUnderTest(
      { a: { shape: [n, M, K] }, b: { shape: [n, N, K] }, shared: { shape: [1, N, K] }, into: { shape: [n, stride] } },
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
    await t.checkGpu(gpu, F32);
  });

  describe.each(PACKINGS)('with a frozen matrix stored as %s', (packing) => {
    // Sides that vectors of four do not fit and that they fit; blocks of 32 that end within a row; K long enough to be split.
    test.each([
      [7, 13, 11],
      [9, 32, 260],
    ])('%i × %i × %i, whole and in parts of rows, and its gradient', async (M, N, K) => {
      for (const rowsPerPart of [undefined, Math.ceil(N / 3)]) {
        const frozen = { shape: [N, K], packing, ...(rowsPerPart && { rowsPerPart }) };
        const t = new GraphUnderTest({ a: weight([M, K]), b: frozen, d: { shape: [M, N] } }, (g, input) => ({
          y: matmul(g, input('a'), input('b'), { layout: 'nt', alpha: 0.5, addend: input('d') }),
          again: matmul(g, input('d'), input('b'), { layout: 'nn', addend: input('a') }),
        })).withGradients('y');
        if (M * N * K < 4000) t.checkFiniteDifferences();
        await t.checkGpu(gpu, F32);
      }
    });
  });

  test('with a large f32 matrix in parts of rows', async () => {
    const b = { shape: [70, 20], rowsPerPart: 33 };
    const t = new GraphUnderTest({ a: weight([9, 20]), b, d: { shape: [9, 70] } }, (g, input) => ({
      y: matmul(g, input('a'), input('b'), { layout: 'nt', addend: input('d') }),
    })).withGradients('y');
    t.checkFiniteDifferences();
    await t.checkGpu(gpu, F32);
  });

  test.each(['register-16', 'subgroup-tall'] as const)('%s over a packed matrix', async (variant) => {
    const packedB = { packing: 'int8' as const, elements: 68 * 36 };
    const name = classOf({ ...PLAIN, layout: 'nt', M: 260, N: 68, K: 36, packedB });
    gpu.tuning.choose(name, variant);
    const b = { shape: [68, 36], packing: 'int8' as const };
    await new GraphUnderTest({ a: weight([260, 36]), b }, (g, input) => ({
      y: matmul(g, input('a'), input('b'), { layout: 'nt' }),
    }))
      .withGradients('y')
      .checkGpu(gpu, F32);
  });

  test('zero rows', async () => {
    const t = new GraphUnderTest({ a: { shape: [0, 8] }, b: { shape: [4, 8] } }, (g, input) => ({
      y: matmul(g, input('a'), input('b'), { layout: 'nt' }),
    }));
    await t.checkGpu(gpu, F32);
  });
});

describe('elementwise', () => {
  test.each(['relu', 'gelu_new', 'silu'] as const)('%s, plain and gated', async (kind) => {
    // Elements and vectors of four, of one workgroup and of several.
    for (const size of [1, 65, 1028, 1031]) {
      const t = new GraphUnderTest({ x: weight([size]), u: weight([size]) }, (g, input) => ({
        y: add(g, activation(g, kind, input('x')), gatedActivation(g, kind, input('x'), input('u')), 1, 3),
      })).withGradients('y');
      t.checkFiniteDifferences();
      await t.checkGpu(gpu, F32);
    }
  });

  test('gelu of large numbers does not overflow', async () => {
    const x = { shape: [5], values: [-1e4, -60, 0, 60, 1e4] };
    await new GraphUnderTest({ x }, (g, input) => ({ y: activation(g, 'gelu_new', input('x')) })).checkGpu(gpu, F32);
  });

  test('dropout', async () => {
    const step = { shape: [1], dtype: 'u32' as const, values: [17] };
    const t = new GraphUnderTest({ x: weight([40, 25]), step }, (g, input) => ({
      y: dropout(g, input('x'), input('step'), 4, 0.3),
    })).withGradients('y');
    t.checkFiniteDifferences();
    await t.checkGpu(gpu, F32);
  });

  test('more than 65,535 workgroups', async () => {
    const size = 65_536 * 64 + 3;
    const x = { shape: [size], values: new Float32Array(size).fill(1.5) };
    await new GraphUnderTest({ x }, (g, input) => ({ y: add(g, input('x'), input('x'), 1, 2) })).checkGpu(gpu, F32);
  });

  test('rows scaled', async () => {
    await new GraphUnderTest({ x: { shape: [6, 7] }, w: { shape: [6] } }, (g, input) => ({
      y: scaleRows(g, input('x'), input('w')),
    })).checkGpu(gpu, F32);
  });
});

describe('rms norm', () => {
  test.each([
    [1, 1],
    [17, 7],
    [16, 32],
    [33, 128],
  ])('%i rows of %i', async (rows, columns) => {
    const t = new GraphUnderTest({ x: weight([rows, columns]), w: weight([columns]) }, (g, input) => {
      // x is used twice, so that the residual gradient is folded into the norm's.
      return { y: add(g, rmsNorm(g, input('x'), input('w'), 1e-6), input('x')) };
    }).withGradients('y');
    t.checkFiniteDifferences(1e-5);
    await t.checkGpu(gpu, F32);
  });

  test('a row of zeros', async () => {
    const x = { shape: [2, 4], values: [0, 0, 0, 0, 1, 2, 3, 4], trainable: true };
    await new GraphUnderTest({ x, w: weight([4]) }, (g, input) => ({ y: rmsNorm(g, input('x'), input('w'), 1e-6) }))
      .withGradients('y')
      .checkGpu(gpu, F32);
  });
});

describe('attention', () => {
  interface Case {
    B: number;
    Bk?: number;
    Sq: number;
    Sk: number;
    H: number;
    Hk?: number;
    d: number;
    causal?: boolean;
    bias?: boolean | 'shared';
  }
  const cases: Case[] = [
    { B: 1, Sq: 1, Sk: 1, H: 1, d: 1 },
    { B: 2, Sq: 5, Sk: 7, H: 3, d: 5, bias: true },
    { B: 2, Sq: 33, Sk: 33, H: 2, d: 8, bias: true, causal: true },
    { B: 1, Sq: 17, Sk: 31, H: 2, d: 12 },
    { B: 2, Sq: 6, Sk: 6, H: 4, Hk: 2, d: 4, causal: true },
    { B: 6, Bk: 2, Sq: 2, Sk: 9, H: 2, d: 8, bias: true },
    { B: 2, Sq: 18, Sk: 18, H: 4, Hk: 2, d: 4, bias: 'shared', causal: true },
  ];
  test.each(cases)('%o', async (c) => {
    const { B, Bk = B, Sq, Sk, H, Hk = H, d, causal = false, bias = false } = c;
    // The last keys of every row are hidden, and every key of the last row.
    const mask = Array.from({ length: Bk * Sk }, (_, n) =>
      n % Sk < Sk - Math.floor(Sk / 4) && (Bk === 1 || n < (Bk - 1) * Sk) ? 1 : 0,
    );
    const t = new GraphUnderTest(
      {
        q: weight([B, Sq, H * d]),
        k: weight([Bk, Sk, Hk * d]),
        v: weight([Bk, Sk, Hk * d]),
        mask: { shape: [Bk, Sk], values: mask },
        bias: bias === 'shared' ? { shape: [1, Sq, Sk] } : weight([H, Sq, Sk]),
      },
      (g, input) => ({
        o: attention(g, {
          q: input('q'),
          k: input('k'),
          v: input('v'),
          mask: input('mask'),
          bias: bias ? input('bias') : undefined,
          heads: H,
          keyHeads: Hk,
          scale: 0.7,
          causal,
        }),
      }),
    ).withGradients('o');
    t.checkFiniteDifferences(1e-5);
    for (const variant of ATTENTION_VARIANTS) {
      gpu.tuning.attention = variant;
      await t.checkGpu(gpu, 1e-4);
    }
    gpu.tuning.attention = SAFE_ATTENTION;
  });

  test('with a position, as in generation', async () => {
    const position = { shape: [1], dtype: 'u32' as const, values: [2] };
    await new GraphUnderTest(
      {
        q: { shape: [2, 1, 8] },
        k: { shape: [2, 6, 8] },
        v: { shape: [2, 6, 8] },
        mask: { shape: [2, 6], values: new Float32Array(12).fill(1) },
        position,
      },
      (g, input) => ({
        o: attention(g, {
          q: input('q'),
          k: input('k'),
          v: input('v'),
          mask: input('mask'),
          heads: 2,
          keyHeads: 2,
          scale: 1,
          causal: true,
          position: input('position'),
        }),
      }),
    ).checkGpu(gpu, F32);
  });
});

describe('attention over two sets of keys', () => {
  test.each([
    [1, 1, 1, 1, 1, 2],
    [6, 2, 3, 5, 4, 4],
    [3, 3, 17, 33, 1, 6],
  ])('%i answers, %i prompts of %i tokens, own %i', async (B, Bk, P, S, Hk, d) => {
    const H = 2 * Hk;
    // The first prompt is padding only.
    const mask = Array.from({ length: Bk * P }, (_, n) => (n < P || n % P < P / 3 ? 0 : 1));
    const t = new GraphUnderTest(
      {
        q: { shape: [B, S, H * d] },
        k1: { shape: [Bk, P, Hk * d] },
        v1: { shape: [Bk, P, Hk * d] },
        mask1: { shape: [Bk, P], values: mask },
        k2: { shape: [B, S, Hk * d] },
        v2: { shape: [B, S, Hk * d] },
        mask2: { shape: [B, S], values: new Float32Array(B * S).fill(1) },
      },
      (g, input) => {
        const heads = { q: input('q'), heads: H, keyHeads: Hk, scale: 0.7 };
        const prompt = { ...heads, k: input('k1'), v: input('v1'), mask: input('mask1'), causal: false };
        const own = { ...heads, k: input('k2'), v: input('v2'), mask: input('mask2'), causal: true };
        return { o: mergedAttention(g, prompt, own) };
      },
    );
    await t.checkGpu(gpu, F32);
  });

  test('equals attention over all keys at once', async () => {
    const [B, P, S, H, d] = [2, 5, 4, 2, 3];
    const [k, v] = [noise(B * (P + S) * H * d, 7), noise(B * (P + S) * H * d, 8)];
    const part = (x: Float64Array, from: number, count: number): number[] =>
      Array.from({ length: B }, (_, b) => {
        const row = x.subarray(b * (P + S) * H * d, (b + 1) * (P + S) * H * d);
        return Array.from(row.subarray(from * H * d, (from + count) * H * d));
      }).flat();
    const ones = (n: number): TestInput => ({ shape: [B, n], values: new Float32Array(B * n).fill(1) });
    const t = new GraphUnderTest(
      {
        q: { shape: [B, S, H * d] },
        k: { shape: [B, P + S, H * d], values: k },
        v: { shape: [B, P + S, H * d], values: v },
        mask: ones(P + S),
        k1: { shape: [B, P, H * d], values: part(k, 0, P) },
        v1: { shape: [B, P, H * d], values: part(v, 0, P) },
        mask1: ones(P),
        k2: { shape: [B, S, H * d], values: part(k, P, S) },
        v2: { shape: [B, S, H * d], values: part(v, P, S) },
        mask2: ones(S),
        position: { shape: [1], dtype: 'u32', values: [P] },
      },
      (g, input) => {
        const heads = { q: input('q'), heads: H, keyHeads: H, scale: 0.4 };
        const keys = (n: '' | '1' | '2') => ({ k: input(`k${n}`), v: input(`v${n}`), mask: input(`mask${n}`) });
        const all = attention(g, { ...heads, ...keys(''), causal: true, position: input('position') });
        const prompt = { ...heads, ...keys('1'), causal: false };
        const merged = mergedAttention(g, prompt, { ...heads, ...keys('2'), causal: true });
        return { all, merged };
      },
    );
    const outputs = t.onCpu();
    expect(relativeError(outputs.get('merged') ?? [], outputs.get('all') ?? [])).toBeLessThan(1e-12);
    await t.checkGpu(gpu, F32);
  });
});

describe('rotary embedding', () => {
  test.each([
    [1, 1, 1, 1, 2],
    [2, 2, 5, 3, 6],
    [6, 3, 4, 2, 8],
    [1, 1, 33, 2, 16],
  ])('%i rows of %i texts, %i tokens, %i heads of %i', async (B, Bs, S, H, d) => {
    const positions = S + 5;
    const angles = noise((positions * d) / 2, 4);
    const table = Array.from({ length: positions * d }, (_, i) => {
      const angle = angles[Math.floor(i / d) * (d / 2) + (i % (d / 2))];
      return i % d < d / 2 ? Math.cos(angle) : Math.sin(angle);
    });
    const t = new GraphUnderTest(
      {
        x: weight([B, S, H * d]),
        table: { shape: [positions, d], values: table },
        start: { shape: [Bs], dtype: 'i32', values: Array.from({ length: Bs }, (_, b) => 1 - 2 * b) },
        position: { shape: [1], dtype: 'u32', values: [3] },
      },
      (g, input) => ({
        y: rotary(g, input('x'), H, { table: input('table'), start: input('start'), position: input('position') }),
      }),
    ).withGradients('y');
    t.checkFiniteDifferences();
    await t.checkGpu(gpu, F32);
  });
});

test('rotary embedding of tokens with positions of their own is that of the same tokens in a line', async () => {
  const [B, S, H, d] = [2, 5, 2, 4];
  const i32 = (shape: number[], values: number[]): TestInput => ({ shape, dtype: 'i32', values });
  const inputs = {
    x: weight([B, S, H * d]),
    table: { shape: [9, d] },
    position: { shape: [1], dtype: 'u32' as const, values: [1] },
    rows: i32([B], [-2, 3]),
    // The same but for two tokens that change places, and one that stands beside another.
    tokens: i32([B, S], [-2, -1, 0, 1, 2, 4, 3, 5, 5, 7]),
  };
  const t = new GraphUnderTest(inputs, (g, input) => {
    const at = (start: Tensor) => ({ table: input('table'), start, position: input('position') });
    return { line: rotary(g, input('x'), H, at(input('rows'))), tree: rotary(g, input('x'), H, at(input('tokens'))) };
  }).withGradients('tree');
  t.checkFiniteDifferences();
  await t.checkGpu(gpu, F32);
  const outputs = t.onCpu();
  const differs = Array.from({ length: B * S }, (_, token) => {
    const part = (name: string): number[] => Array.from(outputs.get(name)!.slice(token * H * d, (token + 1) * H * d));
    return part('line').some((value, i) => value !== part('tree')[i]);
  });
  expect(differs.map((different, token) => (different ? token : -1)).filter((token) => token >= 0)).toEqual([5, 6, 8]);
});

test.each([
  [1, 1, 1, 1],
  [2, 7, 3, 5],
  [3, 16, 16, 4],
  [5, 33, 32, 3],
])('last tokens: %i rows of %i, the last %i of size %i', async (B, S, T, columns) => {
  const t = new GraphUnderTest({ x: weight([B, S, columns]) }, (g, input) => ({
    y: add(g, lastTokens(g, input('x'), T), lastTokens(g, input('x'), T), 1, 2),
  })).withGradients('y');
  t.checkFiniteDifferences();
  await t.checkGpu(gpu, F32);
});

test.each([
  [1, 1],
  [3, 5],
])('relative bias %i × %i', async (Sq, Sk) => {
  const buckets = { shape: [Sq + Sk], dtype: 'u32' as const, values: integers(Sq + Sk, 6) };
  const t = new GraphUnderTest(
    { table: weight([6, 3]), buckets, position: { shape: [1], dtype: 'u32', values: [0] } },
    (g, input) => ({
      bias: relativeBias(
        g,
        input('table'),
        { buckets: input('buckets'), offset: Sq - 1, position: input('position') },
        Sq,
        Sk,
      ),
    }),
  ).withGradients('bias');
  t.checkFiniteDifferences();
  await t.checkGpu(gpu, F32);
});

test('position bias from a bucket for every pair, of which some are hidden', async () => {
  const [S, H, buckets] = [9, 3, 5];
  const pairs = integers(S * S, buckets + 1).map((bucket) => (bucket === buckets ? HIDDEN : bucket));
  const t = new GraphUnderTest(
    { table: { shape: [buckets, H] }, pairs: { shape: [S, S], dtype: 'u32', values: pairs } },
    (g, input) => ({ bias: pairwiseBias(g, input('table'), input('pairs')) }),
  );
  const bias = t.onCpu().get('bias') ?? [];
  expect(Array.from(bias, (value) => value === HIDING_BIAS)).toEqual(
    Array.from({ length: H }, () => pairs.map((pair) => pair === HIDDEN)).flat(),
  );
  await t.checkGpu(gpu, F32);
});

test.each([11, 12])('embedding of %i columns', async (columns) => {
  const ids = { shape: [3, 5], dtype: 'u32' as const, values: integers(15, 7) };
  const t = new GraphUnderTest({ table: weight([7, columns]), ids }, (g, input) => ({
    y: embedding(g, input('table'), input('ids')),
  })).withGradients('y');
  t.checkFiniteDifferences();
  await t.checkGpu(gpu, F32);
});

test.each(PACKINGS)('embedding from a frozen table stored as %s, whole and in parts', async (packing) => {
  const ids = { shape: [3, 5], dtype: 'u32' as const, values: integers(15, 7) };
  for (const columns of [11, 64]) {
    for (const rowsPerPart of [7, 3]) {
      const t = new GraphUnderTest({ table: { shape: [7, columns], packing, rowsPerPart }, ids }, (g, input) => ({
        y: embedding(g, input('table'), input('ids')),
      }));
      await t.checkGpu(gpu, F32);
    }
  }
});

describe('cross-entropy over a vocabulary', () => {
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

  test.each([
    [1, 1, 1],
    [3, 4, 5],
    [7, 5, 97],
    [4, 8, 1000],
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
      t.checkFiniteDifferences(1e-6, 4);
      await t.checkGpu(gpu, F32);
    }
  });

  test.each(['subgroup-wide', 'register-8'] as const)(
    'of a size that is no multiple of four, by %s',
    async (variant) => {
      const variantOf = vi.spyOn(gpu.tuning, 'variantOf').mockReturnValue(variant);
      const t = new GraphUnderTest(inputs(70, 36, 131, { trainable: true }), (g, input) => ({
        loss: crossEntropy(
          g,
          { x: input('x'), head: input('head'), alpha: 0.5 },
          input('labels'),
          input('w'),
          33 * 132 * 4,
        ),
      })).withGradients('loss');
      await t.checkGpu(gpu, F32);
      variantOf.mockRestore();
    },
  );

  test.each(PACKINGS)('with a frozen head stored as %s, in parts', async (packing) => {
    const t = new GraphUnderTest(inputs(7, 36, 50, { packing, rowsPerPart: 21 }), (g, input) => ({
      loss: crossEntropy(
        g,
        { x: input('x'), head: input('head'), alpha: 1 },
        input('labels'),
        input('w'),
        3 * 52 * 4, // three rows at a time
      ),
    })).withGradients('loss');
    t.checkFiniteDifferences();
    await t.checkGpu(gpu, F32);
  });
});

describe('choices behind nodes', () => {
  test.each([
    [1, 1, 1, [1]],
    [3, 4, 7, [2, 0, 70, 1]],
    [2, 8, 300, [3, 1, 1, 2, 5]],
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
      await t.checkGpu(gpu, F32);
    }
  });

  test('lose what cross-entropy does', () => {
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
      await t.checkGpu(gpu, F32);
    }
  });

  test('of random columns, of zeros, and of what is not a number', async () => {
    const values = [...noise(24, 7), ...new Array<number>(24).fill(0)];
    const t = new GraphUnderTest({ S: { shape: [2, 8, 3], values }, error: { shape: [2] } }, (g, input) => {
      orthonormality(g, input('S'), input('error'));
      return { error: input('error') };
    });
    expect(t.onCpu().get('error')?.[1]).toBe(0);
    await t.checkGpu(gpu, F32);
    values[0] = NaN;
    const bad = new GraphUnderTest({ S: { shape: [2, 8, 3], values }, error: { shape: [2] } }, (g, input) => {
      orthonormality(g, input('S'), input('error'));
      return { error: input('error') };
    });
    expect(bad.onCpu().get('error')?.[0]).toBeGreaterThan(1e38);
    await bad.checkGpu(gpu, F32);
  });
});
