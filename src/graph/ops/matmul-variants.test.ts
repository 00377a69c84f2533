import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type MatmulLayout, type MatmulShape, plainProduct } from '../../device/matmul-shape.ts';
import { shapeClassOf, variantsOf } from '../../device/webgpu/kernels/matmul-variants.ts';
import { GpuPlanner } from '../../device/webgpu/gpu-planner.ts';
import { Tuning } from '../../device/webgpu/tuning.ts';
import type { WebGpuDevice } from '../../device/webgpu/webgpu-device.ts';
import { F32, relativeError } from '../../testing/compare.ts';
import { acquireCardGpu, acquireTestGpu } from '../../testing/devices.ts';
import { GraphUnderTest, noise, operandsOf, weight } from '../../testing/graphs.ts';
import { matmul } from './matmul.ts';

let device: WebGpuDevice;
let card: WebGpuDevice;
beforeAll(async () => {
  [device, card] = [await acquireTestGpu(), await acquireCardGpu('shader-f16')];
});
afterAll(async () => {
  await device.destroy();
  await card.destroy();
});

/** The class of a product, for which kernels are chosen. */
function classOf(shape: MatmulShape): string {
  const name = shapeClassOf(shape, card.gpu.tuning);
  if (name === undefined) throw new Error('this product has no choice of kernels');
  return name;
}

describe('a product', () => {
  // Sizes that are not multiples of the tiles; of adapters, with K split.
  const large = [
    { layout: 'nt', sizes: [260, 132, 36] },
    { layout: 'nn', sizes: [67, 129, 37] },
    { layout: 'tn', sizes: [67, 129, 37] },
    { layout: 'nt', sizes: [515, 16, 128] },
    { layout: 'tn', sizes: [128, 16, 509] },
  ] as const;
  test.each(large)('$layout on a software adapter, $sizes', async ({ layout, sizes: [M, N, K] }) => {
    const shape = { ...plainProduct(layout, M, N, K), alpha: 0.5, addend: true };
    expect(device.gpu.tuning.variantOf(shape)).toBe('register-4');
    const [a, b] = operandsOf(layout, M, N, K);
    await new GraphUnderTest({ a: { shape: a }, b: { shape: b }, d: { shape: [M, N] } }, (g, input) => ({
      y: matmul(g, input('a'), input('b'), { layout, alpha: 0.5, addend: input('d') }),
    })).checkDevice(device, F32);
  });

  describe('with operands rounded to 16-bit floats', () => {
    // Rounding errors of two operands are random, at most 2^-11 of each: for a product, about half of that.
    const F16 = 5e-4;
    const HALF = { nt: 'both', nn: 'b', tn: 'b' } as const;
    const canBeHalf = (): boolean => card.gpu.device.features.has('shader-f16'); // not in SwiftShader
    beforeAll(() => {
      card.gpu.tuning.halves = canBeHalf();
    });
    afterAll(() => {
      card.gpu.tuning.halves = false;
    });

    /** Chooses the 16-bit kernel for a product; false if the device does not support it. */
    function chooseHalf(layout: MatmulLayout, M: number, N: number, K: number): boolean {
      const plain = plainProduct(layout, M, N, K);
      const shape = { ...plain, halves: HALF[layout] };
      expect(variantsOf(plain, card.gpu.tuning)).not.toContain('block-half');
      expect(variantsOf(shape, card.gpu.tuning)).toContain('block-half');
      expect(classOf(shape)).not.toBe(classOf(plain));
      card.gpu.tuning.choose(classOf(shape), 'block-half');
      return canBeHalf();
    }

    /** Expects results whose distance from the reference matches 16-bit rounding. */
    async function expectRounded(t: GraphUnderTest, isHalf: boolean): Promise<void> {
      const expected = t.onCpu();
      for (const [name, actual] of await t.onDevice(card)) {
        const error = relativeError(actual, expected.get(name) ?? []);
        expect(error, name).toBeLessThan(isHalf ? F16 : F32);
        if (isHalf) expect(error, `${name} is rounded`).toBeGreaterThan(F32);
      }
    }

    // The sides of a tile (64 × 128, 8 of K), one less and one more, and odd sides.
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
        const [a, b] = operandsOf(layout, M, N, K);
        const t = new GraphUnderTest({ a: { shape: a }, b: { shape: b } }, (g, input) => ({
          y: matmul(g, input('a'), input('b'), { layout, halves: HALF[layout] }),
        }));
        await expectRounded(t, isHalf);
      });
    }

    test('accumulate into a tensor, with an addend', async () => {
      const [M, N, K] = [68, 132, 36];
      const isHalf = chooseHalf('nt', M, N, K);
      const added = { shape: [M, N] };
      const t = new GraphUnderTest(
        { a: { shape: [M, K] }, b: { shape: [N, K] }, d: added, into: added },
        (g, input) => ({
          into: matmul(g, input('a'), input('b'), {
            layout: 'nt',
            alpha: 0.5,
            addend: input('d'),
            into: input('into'),
            accumulate: true,
            halves: 'both',
          }),
        }),
      );
      await expectRounded(t, isHalf);
    });

    test('does not round gradients of 1e-9, which 16 bits cannot hold', async () => {
      const [M, N, K] = [64, 64, 64];
      const isHalf = [chooseHalf('nn', M, K, N), chooseHalf('tn', N, K, M)].every(Boolean);
      const dy = { shape: [M, N], values: noise(M * N, 4).map((x) => x * 1e-9) };
      await new GraphUnderTest({ dy, b: { shape: [N, K] }, x: { shape: [M, K] } }, (g, input) => ({
        dx: matmul(g, input('dy'), input('b'), { layout: 'nn', halves: 'b' }),
        dw: matmul(g, input('dy'), input('x'), { layout: 'tn', halves: 'b' }),
      })).checkDevice(card, isHalf ? F16 : F32);
    });

    test('clamps values beyond the range to its bounds, and NaN stays NaN', async () => {
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
      const [found, expected] = [(await t.onDevice(card)).get('y'), t.onCpu(clamped).get('y')];
      for (const [first, end] of [
        [0, 1],
        [1, 2],
        [4, M],
      ]) {
        expect(relativeError(rows(found, first, end), rows(expected, first, end))).toBeLessThan(isHalf ? F16 : F32);
      }
      expect(rows(found, 2, 4).some((x) => Number.isFinite(x))).toBe(false);
    });

    test.each([true, false])('may round parameters of a model and what they multiply: %s', (halves) => {
      const b = { ...weight([64, 64]), mayBeHalf: true } as const;
      const t = new GraphUnderTest({ a: weight([64, 64]), b }, (g, input) => ({
        y: matmul(g, input('a'), input('b'), { layout: 'nt' }),
        plain: matmul(g, input('b'), input('a'), { layout: 'nt' }),
      })).withGradients('y');
      const tuning = new Tuning();
      tuning.halves = halves;
      const planner = new GpuPlanner(tuning);
      const asked: string[] = [];
      vi.spyOn(tuning, 'variantOf').mockImplementation((shape) => {
        asked.push(`${shape.layout} ${shape.halves ?? 'none'}`);
        return 'register-4';
      });
      for (const operation of t.graph.operations) if (operation.name === 'matmul') operation.calls(planner, []);
      const allowed = halves ? ['nt both', 'nt none', 'nn b', 'tn b'] : ['nt none', 'nt none', 'nn none', 'tn none'];
      expect(asked).toEqual(allowed);
    });
  });

  test.each([36, 35])('67 × 129 × %i accumulates', async (K) => {
    const [M, N] = [67, 129];
    const inputs = { a: { shape: [M, K] }, b: { shape: [N, K] }, into: { shape: [M, N] } };
    await new GraphUnderTest(inputs, (g, input) => ({
      into: matmul(g, input('a'), input('b'), { layout: 'nt', into: input('into'), accumulate: true }),
    })).checkDevice(device, F32);
  });

  test('over a packed matrix', async () => {
    const b = { shape: [68, 36], packing: 'int8' as const };
    await new GraphUnderTest({ a: weight([260, 36]), b }, (g, input) => ({
      y: matmul(g, input('a'), input('b'), { layout: 'nt' }),
    }))
      .withGradients('y')
      .checkDevice(device, F32);
  });
});
