import { describe, expect, test } from 'vitest';
import { u32 } from '../kernel.ts';
import { F32, relativeError } from '../../testing/compare.ts';
import { integers, noise } from '../../testing/graphs.ts';
import { WASM_VARIANTS, WasmKernels } from '../../testing/wasm.ts';

// Rows, vocabulary, row stride, index of the first row.
const SIZES = [
  [1, 1, 4, 0],
  [3, 2, 2, 1],
  [5, 7, 8, 0],
  [4, 64, 64, 3],
  [7, 257, 260, 2],
  [2, 4099, 4100, 0],
  [0, 5, 8, 0],
] as const;

/** Rows of scores, some of them large, with the reference of each row. */
function scoresOf(rows: number, vocabulary: number, row: number) {
  const logits = Float32Array.from(noise(rows * row, 1), (x) => 8 * x - 3);
  const valuesOf = (r: number): number[] => [...logits.subarray(r * row, r * row + vocabulary)];
  const lseOf = (r: number): number => {
    const values = valuesOf(r);
    const top = Math.max(...values);
    return top + Math.log(values.reduce((sum, x) => sum + Math.exp(x - top), 0));
  };
  return { logits, valuesOf, lseOf };
}

describe.each(WASM_VARIANTS)('cross-entropy, %s', (variant) => {
  const kernels = new WasmKernels(variant);

  test.each(SIZES)('%i rows of %i', (rows, vocabulary, row, first) => {
    const { logits, valuesOf, lseOf } = scoresOf(rows, vocabulary, row);
    const all = first + rows;
    const labels = Int32Array.from(integers(all, vocabulary), (label, r) => (r === first + 1 ? -100 : label));
    const params = [rows, vocabulary, row, first].map(u32);
    const [loss, lse] = [new Float32Array(all).fill(7), new Float32Array(all).fill(7)];
    kernels.run({ entry: 'crossEntropyRows', params, units: rows, tensors: [logits, labels, loss, lse] });
    const wantedLse = Array.from({ length: all }, (_, r) => (r < first ? 7 : lseOf(r - first)));
    const wantedLoss = wantedLse.map((sum, r) =>
      r < first ? 7 : labels[r] < 0 ? 0 : sum - logits[(r - first) * row + labels[r]],
    );
    expect(relativeError(lse, wantedLse)).toBeLessThan(1e-6);
    expect(relativeError(loss, wantedLoss)).toBeLessThan(1e-6);

    const weight = Float32Array.from(noise(all, 4));
    const gradient = logits.slice();
    const tensors = [gradient, labels, lse, weight, Float32Array.of(0.3)];
    kernels.run({ entry: 'crossEntropyGradient', params, units: rows, tensors });
    const wanted = Float64Array.from(logits);
    for (let r = 0; r < rows; r++) {
      const label = labels[first + r];
      for (const [v, x] of valuesOf(r).entries()) {
        const slope = weight[first + r] * Math.fround(0.3) * (Math.exp(x - lse[first + r]) - (v === label ? 1 : 0));
        wanted[r * row + v] = label < 0 ? 0 : slope;
      }
    }
    expect(relativeError(gradient, wanted)).toBeLessThan(F32);

    const total = new Float32Array(1);
    const sizes = [all, 1, 1, 0].map(u32);
    kernels.run({ entry: 'crossEntropyTotal', params: sizes, units: 1, tensors: [loss, weight, total] });
    expect(total[0]).toBeCloseTo(
      loss.reduce((sum, x, r) => sum + x * weight[r], 0),
      4,
    );
  });

  test.each(SIZES)('the arg-max of %i rows of %i, and choices', (rows, vocabulary, row, first) => {
    const { logits, valuesOf, lseOf } = scoresOf(rows, vocabulary, row);
    // A tie: the lower index wins.
    for (let r = 0; r < rows; r++) {
      const top = Math.max(...valuesOf(r));
      logits[r * row + vocabulary - 1] = top;
    }
    const places = Array.from({ length: rows }, (_, r) => valuesOf(r).indexOf(Math.max(...valuesOf(r))));
    const best = new Uint32Array(rows);
    const params = [rows, vocabulary, row, 0].map(u32);
    kernels.run({ entry: 'argMax', params, units: rows, tensors: [logits, best] });
    expect([...best]).toEqual(places);

    const [nodes, choices] = [3, 7];
    const begins = Uint32Array.of(0, 2, 2, choices);
    const tokens = Uint32Array.from(integers(choices, vocabulary));
    const batches = Math.ceil((first + rows) / nodes);
    const loss = new Float32Array(batches * choices).fill(7);
    const wanted = Float64Array.from(loss);
    for (let r = 0; r < rows; r++) {
      const [batch, node] = [Math.floor((first + r) / nodes), (first + r) % nodes];
      for (let c = begins[node]; c < begins[node + 1]; c++) {
        wanted[batch * choices + c] = lseOf(r) - logits[r * row + tokens[c]];
      }
    }
    const likeliest = new Uint32Array(first + rows).fill(9);
    kernels.run({
      entry: 'choiceLosses',
      params: [rows, vocabulary, row, first, nodes, choices].map(u32),
      units: rows,
      tensors: [logits, begins, tokens, loss, likeliest],
    });
    expect([...likeliest]).toEqual([...new Array<number>(first).fill(9), ...places]);
    expect(relativeError(loss, wanted)).toBeLessThan(1e-6);
  });

  test('propagates NaN', () => {
    const logits = Float32Array.of(0, 1, NaN, 2, 3, 0, 1, 2, 3, 4);
    const [loss, lse] = [new Float32Array(2), new Float32Array(2)];
    const params = [2, 5, 5, 0].map(u32);
    const labels = Int32Array.of(1, 1);
    kernels.run({ entry: 'crossEntropyRows', params, units: 2, tensors: [logits, labels, loss, lse] });
    expect([loss[0], lse[0]]).toEqual([NaN, NaN]);
    expect(loss[1]).toBeCloseTo(3.4519, 4);
  });

  test('has exponentials that are exact at the ends, and within 2 units in the last place between', () => {
    // d logits = exp(logits - 0) for any other label if both factors are 1.
    const values = Float32Array.from({ length: 40_001 }, (_, i) => -87.3 + (i * (87.3 + 88.7)) / 40_000);
    const ends = [-Infinity, -1e4, -87.4, 88.73, Infinity, NaN, 0];
    const logits = Float32Array.of(0, ...ends, ...values);
    const one = Float32Array.of(1);
    const params = [1, logits.length, logits.length, 0].map(u32);
    const tensors = [logits, Int32Array.of(0), Float32Array.of(0), one, one];
    kernels.run({ entry: 'crossEntropyGradient', params, units: 1, tensors });
    expect([...logits.subarray(0, 8)]).toEqual([0, 0, 0, 0, Infinity, Infinity, NaN, 1]);
    let max = 0;
    for (const [i, x] of values.entries()) {
      const wanted = Math.exp(x);
      const unit = 2 ** (Math.floor(Math.log2(wanted)) - 23);
      max = Math.max(max, Math.abs(logits[8 + i] - wanted) / unit);
    }
    expect(max).toBeLessThan(2);
  });
});
