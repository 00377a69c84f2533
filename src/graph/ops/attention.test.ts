import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import type { Numbers } from '../graph.ts';
import { WebGpuDevice } from '../../device/webgpu/webgpu-device.ts';
import { F32, relativeError } from '../../testing/compare.ts';
import { acquireCardGpu, TEST_DEVICES } from '../../testing/devices.ts';
import { GraphUnderTest, noise, weight } from '../../testing/graphs.ts';
import { WASM_VARIANTS, WasmKernels } from '../../testing/wasm.ts';
import { checkOperations, runOperations } from '../../testing/wasm-operations.ts';
import { attention, type Span, span, SPAN_FIELDS, spanTable } from './attention.ts';

/** Rows of tokens after a beginning that they share. */
interface Group {
  beginning: number;
  rows: number[];
}

interface Case {
  groups: Group[];
  H: number;
  Hk?: number;
  d: number;
  causal?: boolean;
  window?: number | undefined;
  bias?: boolean;
  /** Spans of zeros. */
  unused?: number;
}

/** Self-attention: a span for each beginning, then one for each row, then unused ones. */
function spansOf(groups: readonly Group[], unused = 0): { spans: number[]; tokens: number } {
  const [beginnings, rows]: Span[][] = [[], []];
  let tokens = 0;
  for (const { beginning, rows: counts } of groups) {
    const shared = beginning > 0 ? span(tokens, beginning) : undefined;
    if (shared) beginnings.push(shared);
    tokens += beginning;
    for (const count of counts) {
      rows.push(span(tokens, count, shared));
      tokens += count;
    }
  }
  const spans = [...beginnings, ...rows];
  return { spans: [...spanTable(spans, spans.length + unused)], tokens };
}

/** Texts that branch twice: two texts continue one beginning, and rows continue the first of the two. */
function chained(beginning: number, middle: number, rows: number[]): { spans: number[]; tokens: number } {
  const first = span(0, beginning);
  const second = span(beginning, middle, first);
  const other = span(beginning + middle, 3, first);
  let tokens = beginning + middle + 3;
  const last = rows.map((count) => span((tokens += count) - count, count, second));
  return { spans: [...spanTable([first, second, ...last, other])], tokens };
}

const CASES: Case[] = [
  { groups: [{ beginning: 0, rows: [1] }], H: 1, d: 1 },
  // No beginning; rows of one token; a beginning of one token, of all but one token.
  { groups: [{ beginning: 0, rows: [5, 1, 9] }], H: 2, d: 5, unused: 2 },
  { groups: [{ beginning: 1, rows: [1, 1, 1] }], H: 3, d: 5 },
  { groups: [{ beginning: 12, rows: [1] }], H: 4, Hk: 2, d: 4 },
  // Several beginnings; one that a single row reads.
  {
    groups: [
      { beginning: 7, rows: [3, 8] },
      { beginning: 2, rows: [6] },
      { beginning: 0, rows: [4] },
    ],
    H: 4,
    Hk: 2,
    d: 5,
  },
  // Several parts of queries and of keys.
  { groups: [{ beginning: 71, rows: [67, 9, 130] }], H: 3, Hk: 1, d: 5, unused: 1 },
  { groups: [{ beginning: 9, rows: [20, 5] }], H: 2, d: 64 },
  // Windows: of one position, shorter than the beginning, over the border, over several parts.
  { groups: [{ beginning: 3, rows: [4, 2] }], H: 1, d: 3, window: 1 },
  {
    groups: [
      { beginning: 11, rows: [7, 3] },
      { beginning: 0, rows: [9] },
    ],
    H: 2,
    d: 8,
    window: 5,
  },
  { groups: [{ beginning: 40, rows: [95, 21] }], H: 4, Hk: 2, d: 6, window: 37, bias: true },
  { groups: [{ beginning: 5, rows: [6, 70] }], H: 2, d: 12, bias: true },
  // Both ways, as in an encoder.
  { groups: [{ beginning: 0, rows: [5, 66, 1, 12] }], H: 3, d: 5, causal: false, bias: true },
  { groups: [{ beginning: 0, rows: [33, 17] }], H: 4, Hk: 1, d: 16, causal: false },
];

/** For tiles of up to 32 queries of a key head, and of 32 keys: they cross spans; every kind of head size. */
const FOR_TILES: Case[] = [
  {
    groups: [
      { beginning: 33, rows: [5, 40, 1] },
      { beginning: 31, rows: [70] },
    ],
    H: 6,
    Hk: 2,
    d: 36,
    window: 35,
    bias: true,
    unused: 2,
  },
  { groups: [{ beginning: 37, rows: [3, 66] }], H: 3, Hk: 1, d: 7 },
  { groups: [{ beginning: 0, rows: [31, 34, 2] }], H: 2, d: 64, causal: false, bias: true },
  // Few heads and one long row: in parts.
  { groups: [{ beginning: 290, rows: [230] }], H: 3, Hk: 1, d: 16 },
];

/** Attention with spans of tokens `N`, keys `M`. */
function graphOf(
  spans: number[],
  [N, M]: [N: number, M: number],
  at: Omit<Case, 'groups'> & { position?: number | undefined; asking?: number | undefined },
  q?: ArrayLike<number>,
) {
  const { H, Hk = H, d, causal = true, window, bias = false, position = 0, asking } = at;
  const longest = spans.reduce(
    (most, _, n) =>
      n % SPAN_FIELDS === 0 ? Math.max(most, spans[n + 4] + Math.max(spans[n + 1], spans[n + 3]) + position) : most,
    1,
  );
  const graph = new GraphUnderTest(
    {
      q: { ...weight([1, N, H * d]), ...(q && { values: q }) },
      k: weight([1, M, Hk * d]),
      v: weight([1, M, Hk * d]),
      spans: { shape: [spans.length / SPAN_FIELDS, SPAN_FIELDS], dtype: 'u32', values: spans },
      // Room for more distances than occur.
      bias: { shape: [H, 2 * (longest + 2) - 1] },
      position: { shape: [1], dtype: 'u32', values: [position] },
    },
    (g, input) => ({
      o: attention(g, {
        q: input('q'),
        k: input('k'),
        v: input('v'),
        spans: input('spans'),
        heads: H,
        keyHeads: Hk,
        scale: 0.7 / Math.sqrt(Math.max(1, d / 8)),
        causal,
        window,
        bias: bias ? input('bias') : undefined,
        asking,
        position: at.position === undefined ? undefined : input('position'),
      }),
    }),
  );
  return at.position === undefined && asking === undefined ? graph.withGradients('o') : graph;
}

function graphOfCase({ groups, ...at }: Case, q?: ArrayLike<number>): GraphUnderTest {
  const { spans, tokens } = spansOf(groups, at.unused);
  return graphOf(spans, [tokens, tokens], at, q);
}

/** Each case with its graph, whose reference is the same for all devices. */
const withGraphs = (cases: readonly Case[]): { c: Case; t: GraphUnderTest }[] =>
  cases.map((c) => ({ c, t: graphOfCase(c) }));
const [PLAIN, TILED] = [withGraphs(CASES), withGraphs(FOR_TILES)];

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

  test.each(PLAIN)('$c', async ({ t }) => {
    t.checkFiniteDifferences(device, 1e-5);
    await t.checkDevice(device, 1e-4);
  });

  // Branches of one token; windows shorter than each part; rows of one token. In tiles they use kernels of FOR_TILES.
  test.each([
    [1, 1, [1, 1], { H: 3, Hk: 1, d: 7 }],
    [9, 4, [1, 7, 2], { H: 6, Hk: 2, d: 36, window: 6, bias: true }],
    [40, 33, [67, 5], { H: 3, Hk: 1, d: 8 }],
  ] as const)('texts that branch after %i and %i tokens: %o', async (beginning, middle, rows, at) => {
    const { spans, tokens } = chained(beginning, middle, [...rows]);
    const t = graphOf(spans, [tokens, tokens], at);
    t.checkFiniteDifferences(device, 1e-5);
    await t.checkDevice(device, 1e-4);
    if (card && tokens < 60) await t.checkDevice(card, 1e-4);
  });

  // Each of three rows has one token. Keys of answers follow those of sources; two sources share a beginning. The last
  // source is empty. Few queries see many keys, which a card divides.
  test.each([
    [5, 3, null, 0],
    [5, 3, 4, 2],
    [300, 7, 100, 6],
  ])('steps of generation after %i and %i tokens, window %s, position %i', async (shared, own, window, position) => {
    const places = { queries: 0, queryCount: 0 };
    const keys = (first: number, count: number, after?: Span): Span => ({
      ...places,
      keys: first,
      keyCount: count,
      after,
    });
    const beginning = keys(0, shared);
    const sources = [keys(shared, own, beginning), beginning];
    const begin = shared + own;
    const rows = [...sources, undefined].map((after, row) => ({
      queries: row,
      queryCount: 1,
      keys: begin + row * 7,
      keyCount: 7,
      after,
    }));
    const table = [...spanTable([...rows, ...sources, beginning].filter((one, i, all) => all.indexOf(one) === i))];
    const at = { H: 4, Hk: 2, d: 16, window: window ?? undefined, bias: true, position, asking: 3 };
    const t = graphOf(table, [3, begin + 21], at);
    await t.checkDevice(device, 1e-4);
    if (card) await t.checkDevice(card, 1e-4);
    // As if every row were a text of its own.
    const { q, k, v, bias } = Object.fromEntries(
      ['q', 'k', 'v', 'bias'].map((name) => [name, t.values.get(t.input(name))]),
    );
    const line = (values: Numbers | undefined, place: number, width: number): number[] =>
      Array.from((values ?? []).slice(place * width, (place + 1) * width));
    const texts = [
      [...Array.from({ length: begin }, (_, i) => i), ...Array.from({ length: position + 1 }, (_, i) => begin + i)],
      [
        ...Array.from({ length: shared }, (_, i) => i),
        ...Array.from({ length: position + 1 }, (_, i) => begin + 7 + i),
      ],
      Array.from({ length: position + 1 }, (_, i) => begin + 14 + i),
    ];
    const whole = texts.map((text, row) => {
      const alone = graphOf([...spanTable([span(0, text.length)])], [text.length, text.length], {
        ...at,
        position: undefined,
        asking: undefined,
      });
      const set = (name: string, values: number[]): unknown =>
        alone.values.set(alone.input(name), Float64Array.from(values));
      set(
        'q',
        text.flatMap(() => line(q, row, 64)),
      );
      set(
        'k',
        text.flatMap((place) => line(k, place, 32)),
      );
      set(
        'v',
        text.flatMap((place) => line(v, place, 32)),
      );
      const widths = [t, alone].map((one) => one.input('bias').shape[1]);
      const cut = (widths[0] - widths[1]) / 2;
      set(
        'bias',
        [0, 1, 2, 3].flatMap((h) => line(bias, h, widths[0]).slice(cut, cut + widths[1])),
      );
      return Array.from(alone.onCpu().get('o') ?? []).slice(-64);
    });
    expect(relativeError(t.onCpu().get('o') ?? [], whole.flat())).toBeLessThan(1e-12);
  });

  test.each(TILED)('in tiles on a graphics card: $c', async ({ t }) => {
    await t.checkDevice(card ?? device, 1e-4);
  });

  // Three answers to two sources. Each source owns its keys, in a span without queries.
  test.each([1, 70])('cross-attention to sources of up to %i tokens', async (length) => {
    const none = { queries: 0, queryCount: 0, keys: 0, keyCount: 0 };
    const sources = [
      { ...none, keyCount: length },
      { ...none, keys: length, keyCount: 3 },
    ];
    const asking = [
      { ...none, queryCount: 4, after: sources[0] },
      { ...none, queries: 4, queryCount: 1, after: sources[0] },
      { ...none, queries: 5, queryCount: 9, after: sources[1] },
    ];
    const spans = [...spanTable([...sources, ...asking])];
    const t = graphOf(spans, [14, length + 3], { H: 4, Hk: 2, d: 5, causal: false });
    t.checkFiniteDifferences(device, 1e-5);
    await t.checkDevice(device, 1e-4);
  });

  test('a query without keys', async () => {
    const t = graphOf([0, 2, 0, 0, 0, 0, 2, 1, 0, 3, 0, 0], [3, 3], { H: 2, d: 4, causal: false });
    await t.checkDevice(device, F32);
    expect([...(t.onCpu().get('o') ?? [])].slice(0, 16)).toEqual(new Array(16).fill(0));
  });
});

describe.each(WASM_VARIANTS)('attention, %s', (variant) => {
  const kernels = new WasmKernels(variant);

  test.each(PLAIN)('$c', ({ t }) => {
    const entries = checkOperations(kernels, t, F32);
    expect([...entries]).toEqual(['attention', 'attentionDelta', 'attentionGradQ', 'attentionGradKv']);
  });

  test('texts that branch twice, and steps of generation', () => {
    const { spans, tokens } = chained(40, 33, [67, 1]);
    checkOperations(kernels, graphOf(spans, [tokens, tokens], { H: 3, Hk: 1, d: 5, window: 37, bias: true }), F32);
    const rows = spanTable([{ queries: 0, queryCount: 1, keys: 5, keyCount: 9 }, { queries: 1, queryCount: 1, keys: 14, keyCount: 9 }]); // oxfmt-ignore
    for (const position of [0, 3, 8]) {
      const at = { H: 4, Hk: 2, d: 6, window: 4, bias: true, position };
      expect([...checkOperations(kernels, graphOf([...rows], [2, 23], at), F32)]).toEqual(['attention']);
    }
  });

  test('propagates NaN to the rows it reaches', () => {
    const c: Case = { groups: [{ beginning: 3, rows: [5, 6] }], H: 1, d: 4 };
    const q = Array.from({ length: 14 * 4 }, (_, i) => (i === 4 * 4 ? NaN : 1));
    const { outputs } = runOperations(kernels, graphOfCase(c, q));
    const isNone = (name: string): boolean[] => Array.from(outputs.get(name) ?? [], Number.isNaN);
    expect(isNone('o')).toEqual(Array.from(q, (_, i) => i >= 16 && i < 20));
    // The query sees the beginning and the first two tokens of its row, which the next row does not.
    expect(isNone('d k').slice(0, 20)).toEqual(new Array(20).fill(true));
    expect(isNone('d k').slice(32)).toEqual(new Array(24).fill(false));
  });
});

test('rows that share a beginning give what they give with the beginning in each', () => {
  const [beginning, rows, H, d] = [6, [4, 1, 9], 2, 3];
  const width = H * d;
  const shared = spansOf([{ beginning, rows }]);
  const apart = spansOf([{ beginning: 0, rows: rows.map((count) => beginning + count) }]);
  const tokens = ['q', 'k', 'v'].map((name, i) => [name, noise(shared.tokens * width, i + 1)] as const);
  let end = beginning;
  // The tokens of each whole row, by their places in the shared batch.
  const places = rows.flatMap((count) => {
    const own = Array.from({ length: count }, (_, i) => end + i);
    end += count;
    return [...Array.from({ length: beginning }, (_, i) => i), ...own];
  });
  const once = graphOf(shared.spans, [shared.tokens, shared.tokens], { H, d });
  const each = graphOf(apart.spans, [apart.tokens, apart.tokens], { H, d });
  for (const [name, values] of tokens) {
    once.values.set(once.input(name), values);
    const whole = places.flatMap((place) => Array.from(values.subarray(place * width, (place + 1) * width)));
    each.values.set(each.input(name), Float64Array.from(whole));
  }
  const [few, many] = [once.onCpu().get('o'), each.onCpu().get('o')];
  const expected = places.flatMap((place) => Array.from(few?.subarray(place * width, (place + 1) * width) ?? []));
  expect(relativeError(many ?? [], expected)).toBeLessThan(1e-12);
});
