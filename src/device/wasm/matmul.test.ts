import { describe, expect, test } from 'vitest';
import { F32, relativeError } from '../../testing/compare.ts';
import { noise, PACKINGS } from '../../testing/graphs.ts';
import { WASM_VARIANTS, WasmKernels } from '../../testing/wasm.ts';
import { type MatmulLayout, matmulReference, type MatmulShape, plainProduct, windowOf } from '../matmul-shape.ts';
import { pack, type Packing, unpack } from '../packing.ts';
import { planProduct } from './wasm-planner.ts';

const float = (values: ArrayLike<number>): Float32Array<ArrayBuffer> => Float32Array.from(values);

/** Runs a product of random numbers, whole and in pieces. @returns its error against the reference. */
function compare(kernels: WasmKernels, shape: MatmulShape, packing?: Packing): number {
  const { layout, M, N, K, batch } = shape;
  const { rowA, rowB, rowC, offsetA, offsetB, offsetC } = windowOf(shape);
  const last = Math.max(0, batch - 1);
  const sizeOf = (rows: number, row: number, columns: number, offset: number, stride: number): number =>
    offset + last * stride + Math.max(0, rows - 1) * row + columns;
  const [rowsA, columnsA] = layout === 'tn' ? [K, M] : [M, K];
  const [rowsB, columnsB] = layout === 'nt' ? [N, K] : [K, N];
  const a = float(noise(sizeOf(rowsA, rowA, columnsA, offsetA, shape.batchStrideA), 1));
  const loose = float(noise(sizeOf(rowsB, rowB, columnsB, offsetB, shape.batchStrideB), 2));
  const packed = packing && pack(loose, packing);
  const b = packing && packed ? unpack(packed, packing, loose.length) : loose;
  const c = float(noise(sizeOf(M, rowC, N, offsetC, shape.batchStrideC), 3));
  const d = float(noise(sizeOf(M, rowC, N, offsetC, shape.batchStrideD), 4));
  const whole = packing ? { ...shape, packedB: { packing, elements: loose.length } } : shape;
  const { params, units } = planProduct(whole);
  const wanted = Float64Array.from(c);
  matmulReference(whole, a, b, wanted, d);
  kernels.run({ entry: 'matmul', params, units, tensors: [a, packed ?? b, c, ...(shape.addend ? [d] : [])] });
  return relativeError(c, wanted);
}

const LAYOUTS = ['nt', 'nn', 'tn'] as const;
// 1, primes, a tile's rows and columns ± 1, more than one block of K, of columns and of rows, nothing.
const SHAPES = [
  [1, 1, 1],
  [1, 129, 70],
  [2, 67, 40],
  [3, 50, 300],
  [5, 8, 16],
  [6, 9, 3],
  [7, 7, 7],
  [11, 4, 257],
  [13, 3, 31],
  [16, 200, 130],
  [23, 100, 5],
  [64, 16, 96],
  [131, 12, 33],
  [121, 521, 19],
  [61, 65, 515],
  [0, 5, 4],
  [5, 0, 4],
  [4, 5, 0],
] as const;

/** Batches of parts of larger matrices, with every addend. */
function hardProducts(layout: MatmulLayout): MatmulShape[] {
  const part = { ...plainProduct(layout, 37, 45, 66), alpha: 0.5, addend: true, accumulate: true };
  const { rowA, rowB } = windowOf(part);
  const window = { rowA: rowA + 3, offsetA: 5, rowB: rowB + 1, offsetB: 2, rowC: 49, offsetC: 3 };
  const [a, b, c] = [66 * (rowA + 3) + 7, 66 * (rowB + 3), 37 * 49 + 1];
  const strides = { batchStrideA: a, batchStrideB: b, batchStrideC: c, batchStrideD: 0 };
  const few = { ...part, window, M: 2 };
  return [
    { ...part, window },
    { ...part, window, accumulate: false },
    { ...part, window, addend: false, alpha: -1 },
    { ...part, window, batch: 3, ...strides },
    { ...part, window, batch: 3, ...strides, batchStrideB: 0, batchStrideD: c },
    { ...few, layout },
    { ...few, layout, addend: false },
    // Narrower than a panel, in rows as wide as one.
    { ...part, N: 4, window: { ...window, rowB: layout === 'nt' ? rowB : 8 } },
    { ...part, M: 9, N: 4, window: { ...window, rowB: layout === 'nt' ? rowB : 8 } },
    { ...part, N: 9, K: 40, window: { ...window, rowC: 11 } },
  ];
}

describe.each(WASM_VARIANTS)('products, %s', (variant) => {
  const kernels = new WasmKernels(variant);

  test.each(LAYOUTS)('%s of every size', (layout) => {
    for (const [M, N, K] of SHAPES) {
      expect(compare(kernels, plainProduct(layout, M, N, K)), `${M} × ${N} × ${K}`).toBeLessThan(F32);
    }
  });

  test.each(LAYOUTS)('%s of batches of parts, with every addend', (layout) => {
    for (const shape of hardProducts(layout)) expect(compare(kernels, shape), JSON.stringify(shape)).toBeLessThan(F32);
  });

  test.each(PACKINGS)('with matrices stored as %s', (packing) => {
    for (const layout of ['nt', 'nn'] as const) {
      for (const [M, N, K] of SHAPES) {
        const shape = { ...plainProduct(layout, M, N, K), window: { offsetB: 5, rowB: (layout === 'nt' ? K : N) + 3 } };
        expect(compare(kernels, shape, packing), `${layout} ${M} × ${N} × ${K}`).toBeLessThan(F32);
      }
    }
  });

  test('in units that threads share', () => {
    const { units } = planProduct(plainProduct('nn', 512, 512, 512));
    expect(units).toBeGreaterThanOrEqual(16);
    for (const layout of LAYOUTS)
      expect(compare(kernels, plainProduct(layout, 190, 210, 300)), layout).toBeLessThan(F32);
  });

  test('propagate NaN and Infinity', () => {
    for (const layout of LAYOUTS) {
      for (const value of [NaN, Infinity]) {
        const a = new Float32Array(30 * 20).fill(1);
        const b = new Float32Array(20 * 13).fill(1);
        a[layout === 'tn' ? 7 : 7 * 20] = value;
        const c = new Float32Array(30 * 13);
        const { params, units } = planProduct(plainProduct(layout, 30, 13, 20));
        kernels.run({ entry: 'matmul', params, units, tensors: [a, b, c] });
        expect([...c]).toEqual(Array.from(c, (_, i) => (Math.floor(i / 13) === 7 ? value : 20)));
      }
    }
  });

  test('read every half that a checkpoint may contain', () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
    for (const packing of ['f16', 'bf16'] as const) {
      const words = new Uint32Array(halves.buffer.slice(0));
      const c = new Float32Array(65536);
      const shape: MatmulShape = { ...plainProduct('nt', 1, 65536, 1), packedB: { packing, elements: 65536 } };
      const { params, units } = planProduct(shape);
      kernels.run({ entry: 'matmul', params, units, tensors: [Float32Array.of(1), words, c] });
      const wanted = unpack(words, packing, 65536);
      // -0 + 0 is 0, since a sum starts at 0.
      expect(c.every((x, i) => Object.is(x, wanted[i]) || x === wanted[i])).toBe(true);
    }
  });
});
