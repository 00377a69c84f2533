import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest, noise } from '../../testing/graphs.ts';
import { batchedMatmul, matmul } from './matmul.ts';
import { innerProduct } from './square-measures.ts';
import { fixSigns, orthonormaliseRows, rightSingularRows } from './subspace.ts';

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  const F32 = 2e-5;

  /** Largest distance of Y Yᵀ from the identity. */
  function orthonormalityError(y: Float64Array, rows: number, columns: number): number {
    let worst = 0;
    for (let a = 0; a < rows; a++) {
      for (let b = 0; b < rows; b++) {
        let dot = 0;
        for (let c = 0; c < columns; c++) dot += y[a * columns + c] * y[b * columns + c];
        worst = Math.max(worst, Math.abs(dot - (a === b ? 1 : 0)));
      }
    }
    return worst;
  }

  /** The output on the GPU of a graph with one input and one output. */
  async function onGpu(
    shape: number[],
    values: ArrayLike<number>,
    op: typeof orthonormaliseRows,
  ): Promise<Float64Array> {
    const t = new GraphUnderTest({ x: { shape, values } }, (g, input) => ({ y: op(g, input('x')) }));
    return (await t.onDevice(device)).get('y') ?? new Float64Array();
  }

  describe('orthonormaliseRows', () => {
    test.each([
      [1, 1],
      [1, 7],
      [7, 7],
      [9, 64],
      [8, 65],
      [16, 31],
      [17, 128],
      [5, 1025],
    ])('%i × %i', async (rows, columns) => {
      const t = new GraphUnderTest({ x: { shape: [rows, columns] } }, (g, input) => ({
        y: orthonormaliseRows(g, input('x')),
      }));
      expect(orthonormalityError(t.onCpu().get('y') ?? new Float64Array(), rows, columns)).toBeLessThan(1e-12);
      // In a square matrix the last rows have little left, so rounding shows.
      await t.checkDevice(device, rows === columns ? 1e-3 : F32);
    });

    test('replaces zero rows and repeated rows by the same rows as the reference', async () => {
      const values = noise(6 * 40, 3);
      values.fill(0, 40, 80);
      values.copyWithin(120, 0, 40);
      const t = new GraphUnderTest({ x: { shape: [6, 40], values } }, (g, input) => ({
        y: orthonormaliseRows(g, input('x')),
      }));
      expect(orthonormalityError(t.onCpu().get('y') ?? new Float64Array(), 6, 40)).toBeLessThan(1e-12);
      await t.checkDevice(device, F32);
      const zero = new GraphUnderTest({ x: { shape: [3, 5], values: new Float64Array(15) } }, (g, input) => ({
        y: orthonormaliseRows(g, input('x')),
      }));
      await zero.checkDevice(device, 1e-4);
    });

    // Gram matrices of such rows are singular in f32: Cholesky would fail on them.
    test.each([
      ['nearly parallel rows', (v: number, i: number) => Math.sin(i % 50) + 1e-4 * v],
      ['a steep spectrum', (v: number, i: number) => v * 10 ** (-1.5 * Math.floor(i / 50))],
      ['tiny numbers', (v: number) => v * 1e-30],
      ['huge numbers', (v: number) => v * 1e30],
    ] as const)('%s', async (_, change) => {
      const values = noise(8 * 50, 5).map(change);
      expect(orthonormalityError(await onGpu([8, 50], values, orthonormaliseRows), 8, 50)).toBeLessThan(5e-6);
    });

    test.each([
      [2, 3, 7],
      [5, 9, 65],
    ])('%i matrices of %i × %i, each by itself', async (count, rows, columns) => {
      const size = rows * columns;
      const values = noise(count * size, 7).map((v, i) => v * 100 ** Math.floor(i / size));
      values.fill(0, size, size + columns); // a row of the second is zero: random numbers replace it
      const t = new GraphUnderTest({ x: { shape: [count, rows, columns], values } }, (g, input) => ({
        y: orthonormaliseRows(g, input('x')),
      }));
      const second = new GraphUnderTest(
        { x: { shape: [rows, columns], values: values.slice(size, 2 * size) } },
        (g, x) => ({
          y: orthonormaliseRows(g, x('x')),
        }),
      );
      const [all, one] = [t, second].map((each) => each.onCpu().get('y') ?? new Float64Array());
      expect(all.slice(size, 2 * size)).toEqual(one);
      await t.checkDevice(device, F32);
    });

    test('refuses more rows than columns', async () => {
      await expect(() => onGpu([3, 2], noise(6, 1), orthonormaliseRows)).rejects.toThrow('cannot be orthonormal');
    });
  });

  describe('rightSingularRows', () => {
    // x Pᵀᵀ has orthogonal columns of decreasing length, whatever the signs. Fix the signs for the comparison.
    test.each([1, 2, 3, 8, 13, 16, 42, 43])('of size %i', async (size) => {
      const t = new GraphUnderTest({ x: { shape: [size, size] }, into: { shape: [size, size] } }, (g, input) => {
        fixSigns(g, rightSingularRows(g, input('x')), input('into'));
        return { gram: matmul(g, input('into'), input('into'), { layout: 'nt' }), rows: input('into') };
      });
      const x = t.values.get(t.input('x')) ?? [];
      const rows = t.onCpu().get('rows') ?? new Float64Array();
      expect(orthonormalityError(rows, size, size)).toBeLessThan(1e-10);
      const image = Array.from({ length: size }, (_, j) =>
        Array.from({ length: size }, (__, i) => {
          let sum = 0;
          for (let k = 0; k < size; k++) sum += x[i * size + k] * rows[j * size + k];
          return sum;
        }),
      );
      const lengths = image.map((column) => Math.hypot(...column));
      for (let j = 1; j < size; j++) {
        expect(lengths[j]).toBeLessThanOrEqual(lengths[j - 1]);
        const dot = image[j].reduce((sum, v, i) => sum + v * image[j - 1][i], 0);
        expect(Math.abs(dot)).toBeLessThan(1e-6 * lengths[0] ** 2); // pairs below 1e-7 are not rotated
      }
      await t.checkDevice(device, 5e-3); // vectors of close singular values have few exact digits
    });

    // With the workgroup's memory, and without.
    test.each([13, 43])('of each of three matrices of size %i', async (size) => {
      const shape = [3, size, size];
      const values = noise(3 * size * size, 5).map((v, i) => v * 100 ** Math.floor(i / size ** 2));
      const t = new GraphUnderTest({ x: { shape, values }, into: { shape } }, (g, input) => {
        const basis = orthonormaliseRows(g, input('x'));
        // Removes the gaps.
        fixSigns(g, batchedMatmul(g, rightSingularRows(g, input('x')), basis, { layout: 'nn' }), input('into'));
        return { rows: input('into') };
      });
      await t.checkDevice(device, 5e-3);
    });

    test.each([
      ['of rank 2', (i: number) => Math.sin(Math.floor(i / 9)) + Math.cos(i % 9)],
      ['zero', () => 0],
      ['tiny', (i: number) => 1e-30 * Math.sin(i * i)],
      ['steep', (i: number) => Math.sin(i * i) * 10 ** -(i % 9)],
    ] as const)('gives orthonormal rows for a matrix %s', async (_, at) => {
      const values = Float64Array.from({ length: 81 }, (__, i) => at(i));
      expect(orthonormalityError(await onGpu([9, 9], values, rightSingularRows), 9, 9)).toBeLessThan(5e-6);
    });
  });

  test.each([
    [1, 1],
    [3, 7],
    [16, 130],
    [2, 1031],
  ])('signs of %i rows of %i', async (rows, columns) => {
    const t = new GraphUnderTest({ x: { shape: [rows, columns] }, into: { shape: [rows, columns] } }, (g, input) => {
      fixSigns(g, input('x'), input('into'));
      return { into: input('into') };
    });
    await t.checkDevice(device, F32);
  });

  test('on a tie of magnitudes, the first entry sets the sign', async () => {
    const values = [1, -2, 2, 0.5, /**/ 2, 1, -2, 0, /**/ 0, 0, 0, 0];
    const t = new GraphUnderTest({ x: { shape: [3, 4], values }, into: { shape: [3, 4] } }, (g, input) => {
      fixSigns(g, input('x'), input('into'));
      return { into: input('into') };
    });
    expect(Array.from(t.onCpu().get('into') ?? [])).toEqual([-1, 2, -2, -0.5, 2, 1, -2, 0, 0, 0, 0, 0]);
    await t.checkDevice(device, F32);
  });

  test.each([1, 63, 64, 65, 4097, 30_011])('inner product of %i elements', async (size) => {
    const t = new GraphUnderTest({ a: { shape: [size] }, b: { shape: [size] }, into: { shape: [3] } }, (g, input) => {
      innerProduct(g, input('a'), input('a'), input('into'), 2);
      innerProduct(g, input('a'), input('b'), input('into'), 0);
      return { into: input('into') };
    });
    await t.checkDevice(device, F32);
  });
});
