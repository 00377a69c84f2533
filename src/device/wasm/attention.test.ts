import { describe, expect, test } from 'vitest';
import { attention } from '../../graph/ops/attention.ts';
import { F32 } from '../../testing/compare.ts';
import { GraphUnderTest, weight } from '../../testing/graphs.ts';
import { WASM_VARIANTS, WasmKernels } from '../../testing/wasm.ts';
import { checkOperations, runOperations } from '../../testing/wasm-operations.ts';

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
  position?: number;
  offset?: number;
  window?: number;
}

const CASES: Case[] = [
  { B: 1, Sq: 1, Sk: 1, H: 1, d: 1 },
  { B: 2, Sq: 5, Sk: 7, H: 3, d: 5, bias: true },
  { B: 2, Sq: 33, Sk: 33, H: 2, d: 8, bias: true, causal: true },
  { B: 1, Sq: 17, Sk: 31, H: 2, d: 12 },
  { B: 2, Sq: 6, Sk: 6, H: 4, Hk: 2, d: 4, causal: true },
  { B: 6, Bk: 2, Sq: 2, Sk: 9, H: 2, d: 8, bias: true },
  { B: 2, Sq: 18, Sk: 18, H: 4, Hk: 2, d: 4, bias: 'shared', causal: true },
  // Several blocks of queries.
  { B: 1, Sq: 131, Sk: 131, H: 2, Hk: 1, d: 16, causal: true },
  { B: 2, Sq: 75, Sk: 1100, H: 1, d: 3, bias: true },
  // One token at a time, and a few.
  { B: 3, Sq: 1, Sk: 70, H: 4, Hk: 2, d: 16, causal: true, position: 41 },
  { B: 2, Sq: 3, Sk: 9, H: 2, d: 6, causal: true, position: 2, bias: true },
  { B: 2, Sq: 0, Sk: 3, H: 1, d: 2 },
  // A window: of one position, over several blocks of queries, over keys before the queries, one token at a time.
  { B: 1, Sq: 7, Sk: 7, H: 1, d: 3, causal: true, window: 1 },
  { B: 2, Sq: 131, Sk: 131, H: 4, Hk: 2, d: 6, causal: true, window: 37 },
  { B: 1, Sq: 66, Sk: 66, H: 2, d: 16, causal: true, window: 65, bias: true },
  { B: 4, Bk: 2, Sq: 5, Sk: 11, H: 2, d: 4, offset: 11, window: 7 },
  { B: 2, Sq: 5, Sk: 3, H: 2, d: 6, offset: 3, window: 2 },
  { B: 3, Sq: 1, Sk: 70, H: 4, Hk: 2, d: 16, causal: true, position: 41, window: 9 },
  { B: 3, Sq: 2, Sk: 7, H: 4, Hk: 1, d: 16, position: 3, offset: 7, window: 9 },
];

/** An attention. @param q numbers; random by default. */
function graphOf(at: Case, q?: number[]): GraphUnderTest {
  const { B, Bk = B, Sq, Sk, H, Hk = H, d, causal = false, bias = false, position, offset, window } = at;
  // Hides the last keys of every row, and every key of the last row.
  const mask = Array.from({ length: Bk * Sk }, (_, n) =>
    n % Sk < Sk - Math.floor(Sk / 4) && (Bk === 1 || n < (Bk - 1) * Sk) ? 1 : 0,
  );
  return new GraphUnderTest(
    {
      q: { ...weight([B, Sq, H * d]), ...(q && { values: q }) },
      k: weight([Bk, Sk, Hk * d]),
      v: weight([Bk, Sk, Hk * d]),
      mask: { shape: [Bk, Sk], values: mask },
      bias: bias === 'shared' ? { shape: [1, Sq, Sk] } : weight([H, Sq, Sk]),
      position: { shape: [1], dtype: 'u32', values: [position ?? 0] },
    },
    (g, input) => ({
      o: attention(g, {
        ...{ q: input('q'), k: input('k'), v: input('v'), mask: input('mask'), scale: 0.7, causal, offset, window },
        ...{ heads: H, keyHeads: Hk, bias: bias ? input('bias') : undefined },
        position: position === undefined ? undefined : input('position'),
      }),
    }),
  );
}

describe.each(WASM_VARIANTS)('attention, %s', (variant) => {
  const kernels = new WasmKernels(variant);

  test.each(CASES)('%o', (c) => {
    expect([...checkOperations(kernels, graphOf(c), F32)]).toEqual(['attention']);
  });

  test.each([NaN, Infinity])('propagates scores that are all %d', (value) => {
    const q = new Array<number>(8).fill(value);
    const { outputs } = runOperations(kernels, graphOf({ B: 1, Sq: 2, Sk: 1, H: 1, d: 4 }, q));
    expect([...(outputs.get('o') ?? [])]).toEqual(new Array(8).fill(NaN));
  });

  test('propagates NaN to the rows it reaches', () => {
    const q = Array.from({ length: 36 }, (_, i) => (i === 20 ? NaN : 1));
    const { outputs } = runOperations(kernels, graphOf({ B: 1, Sq: 9, Sk: 9, H: 1, d: 4 }, q));
    const isNone = (name: string): boolean[] => Array.from(outputs.get(name) ?? [], Number.isNaN);
    expect(isNone('o')).toEqual(Array.from(q, (_, i) => i >= 20 && i < 24));
  });
});
