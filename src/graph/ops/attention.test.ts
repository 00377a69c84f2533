import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { WebGpuDevice } from '../../device/webgpu/webgpu-device.ts';
import { F32, relativeError } from '../../testing/compare.ts';
import { acquireCardGpu, TEST_DEVICES } from '../../testing/devices.ts';
import { GraphUnderTest, noise, type TestInput, weight } from '../../testing/graphs.ts';
import { attention } from './attention.ts';
import { mergedAttention } from './merged-attention.ts';

describe.each(TEST_DEVICES)('on $name', ({ acquire }) => {
  let device: Device;
  let card: Device | undefined;
  beforeAll(async () => {
    device = await acquire();
    card = device instanceof WebGpuDevice ? await acquireCardGpu() : undefined;
  });
  afterAll(async () => {
    await card?.destroy();
    await device.destroy();
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
      bias?: boolean | 'shared' | 'distance';
      offset?: number;
      window?: number;
    }
    const cases: Case[] = [
      { B: 1, Sq: 1, Sk: 1, H: 1, d: 1 },
      { B: 2, Sq: 5, Sk: 7, H: 3, d: 5, bias: true },
      { B: 2, Sq: 33, Sk: 33, H: 2, d: 8, bias: true, causal: true },
      { B: 1, Sq: 17, Sk: 31, H: 2, d: 12 },
      { B: 2, Sq: 6, Sk: 6, H: 4, Hk: 2, d: 4, causal: true },
      { B: 6, Bk: 2, Sq: 2, Sk: 9, H: 2, d: 8, bias: true },
      { B: 2, Sq: 18, Sk: 18, H: 4, Hk: 2, d: 4, bias: 'shared', causal: true },
      // A window of one position, shorter than the text, as long, longer, and over keys before the queries.
      { B: 1, Sq: 7, Sk: 7, H: 1, d: 3, causal: true, window: 1 },
      { B: 2, Sq: 33, Sk: 33, H: 4, Hk: 2, d: 8, causal: true, window: 5 },
      { B: 1, Sq: 17, Sk: 17, H: 2, d: 5, causal: true, window: 17, bias: true },
      { B: 1, Sq: 6, Sk: 6, H: 2, d: 4, causal: true, window: 100 },
      { B: 4, Bk: 2, Sq: 5, Sk: 11, H: 2, d: 4, offset: 11, window: 7 },
      { B: 2, Sq: 5, Sk: 3, H: 2, d: 6, offset: 3, window: 2 },
      { B: 1, Sq: 1, Sk: 9, H: 2, d: 4, bias: 'distance' },
      { B: 2, Sq: 7, Sk: 5, H: 3, d: 3, bias: 'distance' },
      { B: 2, Sq: 34, Sk: 34, H: 4, Hk: 2, d: 4, bias: 'distance', causal: true },
    ];
    // One query, one key, a tile more or less, primes, every class of head sizes and every optional tensor, in as few
    // kernels as possible, since some compilers take seconds for each.
    const forTiles: Case[] = [
      { B: 2, Sq: 33, Sk: 65, H: 2, d: 32, bias: 'distance' },
      // Queries in parts, because key heads are few.
      { B: 1, Sq: 67, Sk: 131, H: 6, Hk: 1, d: 36, bias: true, offset: 64, causal: true, window: 33 },
      { B: 1, Sq: 31, Sk: 37, H: 3, Hk: 1, d: 7, causal: true, bias: 'shared' },
      { B: 4, Bk: 2, Sq: 13, Sk: 41, H: 6, Hk: 2, d: 128, window: 40 },
    ];
    // As in generation: one query, and keys in parts, because queries are few; no query sees some of these parts.
    const inGeneration: Case[] = [
      { B: 1, Sq: 1, Sk: 97, H: 8, Hk: 1, d: 64 },
      { B: 2, Sq: 3, Sk: 259, H: 4, Hk: 2, d: 16, causal: true, offset: 256, window: 100 },
    ];
    const graphOf = (c: Case): GraphUnderTest => {
      const { B, Bk = B, Sq, Sk, H, Hk = H, d, causal = false, bias = false, offset, window } = c;
      // Hide the last keys of every row, the first of every second, and every key of the last row.
      const isShown = (b: number, j: number): boolean =>
        j < Sk - Math.floor(Sk / 4) && (b % 2 === 0 || j >= Math.floor(Sk / 3)) && (Bk === 1 || b < Bk - 1);
      const mask = Array.from({ length: Bk * Sk }, (_, n) => (isShown(Math.floor(n / Sk), n % Sk) ? 1 : 0));
      return new GraphUnderTest(
        {
          q: weight([B, Sq, H * d]),
          k: weight([Bk, Sk, Hk * d]),
          v: weight([Bk, Sk, Hk * d]),
          mask: { shape: [Bk, Sk], values: mask },
          bias:
            bias === 'shared' ? { shape: [1, Sq, Sk] } : weight(bias === 'distance' ? [H, Sq + Sk - 1] : [H, Sq, Sk]),
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
            scale: 0.7 / Math.sqrt(Math.max(1, d / 8)),
            causal,
            offset,
            window,
          }),
        }),
      );
    };
    test.each(cases)('%o', async (c) => {
      await graphOf(c).checkDevice(device, 1e-4);
    });
    test.each([...forTiles, ...inGeneration])('in tiles on a graphics card: %o', async (c) => {
      await graphOf(c).checkDevice(card ?? device, 1e-4);
    });

    test.each([null, 2, 4])('with a position, as in generation, and window %s', async (window) => {
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
            offset: 1,
            window,
            position: input('position'),
          }),
        }),
      ).checkDevice(device, F32);
    });
  });

  describe('attention over several sets of keys', () => {
    test.each([
      [1, 1, 1, 1, 1, 8],
      [6, 2, 3, 5, 4, 4],
      [3, 3, 17, 33, 1, 6],
      [4, 2, 300, 1, 1, 8],
    ])('%i answers, %i prompts of %i tokens, %i answer tokens', async (B, Bk, P, S, Hk, d) => {
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
          return { o: mergedAttention(g, [prompt, own]) };
        },
      );
      await t.checkDevice(device, F32);
      // Tiles that read vectors of four, and those that do not: a software adapter takes a second to compile either.
      if (card && P >= 17) await t.checkDevice(card, F32);
    });

    test.each([
      [1, 1, 1, 1, 1, 1, 4],
      [5, 7, 3, 2, 2, 2, 5],
      [2, 67, 33, 9, 1, 3, 8],
    ])('%i rows: a beginning of %i tokens for all, %i of the prompt, %i own', async (B, P, S, T, Hk, group, d) => {
      const H = Hk * group;
      // The last prompt adds nothing to the beginning.
      const mask = Array.from({ length: B * S }, (_, n) => (n >= (B - 1) * S || n % S < S / 3 ? 0 : 1));
      const keys = (rows: number, length: number) => ({ shape: [rows, length, Hk * d] });
      const ones = (rows: number, length: number): TestInput => ({
        shape: [rows, length],
        values: new Float32Array(rows * length).fill(1),
      });
      await new GraphUnderTest(
        {
          q: { shape: [B, T, H * d] },
          ...{ k1: keys(1, P), v1: keys(1, P), mask1: ones(1, P) },
          ...{ k2: keys(B, S), v2: keys(B, S), mask2: { shape: [B, S], values: mask } },
          ...{ k3: keys(B, T), v3: keys(B, T), mask3: ones(B, T) },
        },
        (g, input) => {
          const sets = [1, 2, 3].map((n) => ({
            ...{ q: input('q'), heads: H, keyHeads: Hk, scale: 0.7, causal: n === 3 },
            ...{ k: input(`k${n}`), v: input(`v${n}`), mask: input(`mask${n}`) },
          }));
          return { o: mergedAttention(g, sets) };
        },
      ).checkDevice(device, F32);
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
          const merged = mergedAttention(g, [prompt, { ...heads, ...keys('2'), causal: true }]);
          return { all, merged };
        },
      );
      const outputs = t.onCpu();
      expect(relativeError(outputs.get('merged') ?? [], outputs.get('all') ?? [])).toBeLessThan(1e-12);
      await t.checkDevice(device, F32);
    });
  });
});
