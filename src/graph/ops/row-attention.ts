import deltaTemplate from '../../../shaders/attention-delta.wgsl?raw';
import type { AttentionShape } from '../../device/attention-shape.ts';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { planSumOfParts } from '../../device/reduce-splits.ts';
import { fillTemplate } from '../../device/template.ts';
import { type Graph, type Numbers, type Operation, present } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { dot, forwardPlan, NO_KEYS, type PlannedAttention } from './attention.ts';

/** Numbers of a span, in the order of {@link Span}. */
export const SPAN_FIELDS = 6;

/**
 * A row of a batch, or a beginning that rows share: which tokens ask, and which they see.
 *
 * Shared keys have the positions 0 to sharedCount − 1, own keys follow. Query i is at the position of own key i.
 */
export interface Span {
  readonly queriesBegin: number;
  readonly queriesCount: number;
  /** Keys that belong to another span: this is the first of its own ones. */
  readonly sharedBegin: number;
  readonly sharedCount: number;
  readonly ownBegin: number;
  readonly ownCount: number;
}

/** A text of its own. */
export const alone = (begin: number, count: number): Span => ({
  ...{ queriesBegin: begin, queriesCount: count },
  ...{ sharedBegin: begin, sharedCount: 0 },
  ...{ ownBegin: begin, ownCount: count },
});

/** Spans as numbers, and zeros up to `room` spans. */
export function spanTable(spans: readonly Span[], room = spans.length): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(room * SPAN_FIELDS);
  spans.forEach((span, i) => {
    const { queriesBegin, queriesCount, sharedBegin, sharedCount, ownBegin, ownCount } = span;
    table.set([queriesBegin, queriesCount, sharedBegin, sharedCount, ownBegin, ownCount], i * SPAN_FIELDS);
  });
  return table;
}

/** The inputs of the attention of rows. */
export interface RowAttentionInputs {
  /** [..., heads · d]: the queries of all rows, N in all. */
  q: Tensor;
  /** [..., keyHeads · d]: M in all. */
  k: Tensor;
  v: Tensor;
  /**
   * u32 [R, 6]: the numbers of each {@link Span}. Every query belongs to one span, and every key is an own key of one
   * span, even if nobody reads the results. A span of zeros is unused. Those with the most readers should come first.
   */
  spans: Tensor;
  heads: number;
  keyHeads: number;
  /** Factor of q·k: 1 for T5, 1/√d for LLaMA. */
  scale: number;
  /** Whether a query sees only keys up to its own position. */
  causal: boolean;
  /** Number of positions that a query sees, including its own: sliding attention. Without it or null: no limit. */
  window?: number | null | undefined;
  /** [heads, 2 · reach − 1], added to the scores: entry key − query + reach − 1, by their positions. No gradient. */
  bias?: Tensor | undefined;
}

function shapeOf({
  q,
  k,
  spans,
  heads,
  keyHeads,
  scale,
  causal,
  window = null,
  bias,
}: RowAttentionInputs): AttentionShape {
  const width = q.shape[q.shape.length - 1];
  const d = width / heads;
  return {
    ...{
      B: 1,
      Sq: q.elements / width,
      Bk: 1,
      Sk: (k.elements / width) * (heads / keyHeads),
      H: heads,
      Hk: keyHeads,
      d,
    },
    ...{ scale, causal, offset: 0, window, bias: bias ? 'distance' : false, position: false },
    spans: { count: spans.shape[0], distances: bias?.shape[1] ?? 0 },
  };
}

const planned = (at: RowAttentionInputs): PlannedAttention => ({
  shape: shapeOf(at),
  vectors: [at.q, at.k, at.v],
  hiding: at.spans,
  optional: at.bias ? [at.bias] : [],
});

/** A query and the keys that it sees, for one head: where their vectors and values begin. */
interface Line {
  /** Of lse. */
  readonly at: number;
  readonly row: number;
  readonly keys: readonly number[];
  /** Of the first key; those of the others follow. */
  readonly bias: number;
}

/** Every query of every head. */
function* linesOf(at: RowAttentionInputs, spans: Numbers): Generator<Line> {
  const { H, Hk, d, causal, window } = shapeOf(at);
  const distances = at.bias?.shape[1] ?? 0;
  for (let span = 0; span < at.spans.shape[0]; span++) {
    const [queriesBegin, queriesCount, sharedBegin, sharedCount, ownBegin, ownCount] = spans.subarray(
      SPAN_FIELDS * span,
    );
    for (let i = 0; i < queriesCount; i++) {
      const place = sharedCount + i;
      const from = Math.max(0, place + 1 - (window ?? Infinity));
      const to = Math.min(sharedCount + ownCount, causal ? place + 1 : Infinity);
      const tokens = Array.from({ length: Math.max(0, to - from) }, (_, n) =>
        from + n < sharedCount ? sharedBegin + from + n : ownBegin + from + n - sharedCount,
      );
      for (let h = 0; h < H; h++) {
        const line = (queriesBegin + i) * H + h;
        const keys = tokens.map((token) => (token * Hk + Math.floor(h / (H / Hk))) * d);
        yield { at: line, row: line * d, keys, bias: h * distances + (distances - 1) / 2 + from - place };
      }
    }
  }
}

/** The scores of a query's keys. */
function scoresOf(at: RowAttentionInputs, value: (t: Tensor) => Numbers): (line: Line) => number[] {
  const { d } = shapeOf(at);
  const [q, k, bias] = [value(at.q), value(at.k), at.bias && value(at.bias)];
  return ({ row, keys, bias: begin }) =>
    keys.map((key, n) => at.scale * dot(q, row, k, key, d) + (bias ? bias[begin + n] : 0));
}

/**
 * Multi-head attention of the rows of a batch without padding, which may share their beginnings: o = softmax(scale q kᵀ
 * + bias) v over the keys that a query sees.
 *
 * @returns o, of q's shape.
 */
export function rowAttention(g: Graph, at: RowAttentionInputs): Tensor {
  const { Sq, H, d } = shapeOf(at);
  const o = g.intermediate('attention', at.q.shape);
  const lse = g.intermediate('log-sum-exp of scores', [1, Sq, H]);
  const bias = at.bias ? [at.bias] : [];
  g.record({
    name: 'row attention',
    inputs: [at.q, at.k, at.v, at.spans, ...bias],
    outputs: [o, lse],
    ...forwardPlan(planned(at), { o, lse }),
    reference: (value) => {
      const [spans, v, lses, os] = [at.spans, at.v, lse, o].map(value);
      const scores = scoresOf(at, value);
      lses.fill(NO_KEYS);
      os.fill(0);
      for (const line of linesOf(at, spans)) {
        if (line.keys.length === 0) continue;
        const all = scores(line);
        const top = all.reduce((most, score) => Math.max(most, score), -Infinity);
        const lse = top + Math.log(all.reduce((sum, score) => sum + Math.exp(score - top), 0));
        lses[line.at] = lse;
        line.keys.forEach((key, n) => {
          const weight = Math.exp(all[n] - lse);
          for (let e = 0; e < d; e++) os[line.row + e] += weight * v[key + e];
        });
      }
    },
    gradient: ([dout], [wantsQ, wantsK, wantsV, , wantsBias]) => {
      if (wantsBias) throw new Error('the bias of row attention has no gradient');
      if (dout === undefined) return [];
      const saved = { dout, back: recordDelta(g, at, { lse, o, dout }) };
      const dq = wantsQ ? recordQueryGradient(g, at, saved) : undefined;
      const [dk, dv] = wantsK || wantsV ? recordKeyGradient(g, at, saved) : [];
      return [dq, wantsK ? dk : undefined, wantsV ? dv : undefined];
    },
  });
  return o;
}

/** @returns what the gradients read besides q, k and v: lse and delta [N, H, 2], then the spans as floats. */
function recordDelta(
  g: Graph,
  { heads, spans }: RowAttentionInputs,
  { lse, o, dout }: Record<'lse' | 'o' | 'dout', Tensor>,
): Tensor {
  const [queries, rest, d] = [lse.elements, spans.elements, o.elements / lse.elements];
  const back = g.intermediate('log-sum-exp, delta and spans', [2 * queries + rest]);
  const vec = d % 4 === 0;
  const wgsl = (): string =>
    fillTemplate(deltaTemplate, {
      ...{ T: vec ? 'vec4f' : 'f32', DOT: vec ? 'dot' : 'product' },
      ...{ SCALAR: !vec, LANES: vec ? 4 : 1 },
    });
  const name = `attention/delta${vec ? '' : '-scalar'}`;
  return g.record({
    name: 'attention delta',
    inputs: [lse, dout, o, spans],
    outputs: [back],
    calls: () => [
      {
        kernel: {
          ...{ name, wgsl },
          wasm: { entry: 'attentionDelta', constants: [queries / heads, heads] },
        },
        params: [d, queries, rest].map(u32),
        tensors: [lse, dout, o, spans, back],
        workgroups: flatWorkgroups(queries + rest, 64),
        units: queries / heads + 1,
        cost: 2 * queries * d + rest,
      },
    ],
    reference: (value) => {
      const [lses, os, douts, backs] = [lse, o, dout, back].map(value);
      for (let query = 0; query < queries; query++) {
        backs[2 * query] = lses[query];
        backs[2 * query + 1] = dot(douts, query * d, os, query * d, d);
      }
      backs.set(value(spans), 2 * queries);
    },
  });
}

/** The inputs of the gradients. */
interface Saved {
  readonly dout: Tensor;
  /** From {@link recordDelta}. */
  readonly back: Tensor;
}

/** Calls `visit` for every query and key of it with the probability, and the gradient of the score. */
function forEachSlope(
  at: RowAttentionInputs,
  { dout, back }: Saved,
  value: (t: Tensor) => Numbers,
  visit: (row: number, key: number, weight: number, slope: number) => void,
): void {
  const { d, Sq, H } = shapeOf(at);
  const [v, douts, backs] = [at.v, dout, back].map(value);
  const scores = scoresOf(at, value);
  for (const line of linesOf(at, backs.subarray(2 * Sq * H))) {
    const [lse, delta] = backs.subarray(2 * line.at);
    scores(line).forEach((score, n) => {
      const key = line.keys[n];
      const weight = Math.exp(score - lse);
      visit(line.row, key, weight, weight * (dot(douts, line.row, v, key, d) - delta));
    });
  }
}

function recordQueryGradient(g: Graph, at: RowAttentionInputs, saved: Saved): Tensor {
  const dq = g.intermediate('d q', at.q.shape);
  const bias = at.bias ? [at.bias] : [];
  const { d } = shapeOf(at);
  return g.record({
    name: 'row attention query gradient',
    inputs: [at.q, at.k, at.v, saved.back, saved.dout, ...bias],
    outputs: [dq],
    calls: (planner) => [
      { ...planner.attention('GRAD_Q', shapeOf(at)), tensors: [at.q, at.k, at.v, saved.back, saved.dout, dq, ...bias] },
    ],
    reference: (value) => {
      const [k, dqs] = [value(at.k), value(dq).fill(0)];
      forEachSlope(at, saved, value, (row, key, _, slope) => {
        for (let e = 0; e < d; e++) dqs[row + e] += at.scale * slope * k[key + e];
      });
    },
  });
}

/** How dk and dv are computed, their parts added. */
function keyGradientPlan(
  { shape, vectors, optional }: PlannedAttention,
  { back, dout }: Saved,
  [dk, dv]: readonly [dk: Tensor, dv: Tensor],
): Required<Pick<Operation, 'scratch' | 'calls'>> {
  const into = (...sums: Tensor[]): Tensor[] => [...vectors, back, dout, ...sums, ...optional];
  return {
    scratch: (planner) => {
      const parts = planner.attentionParts('GRAD_KV', shape);
      return parts > 1 ? [parts * dk.elements, parts * dv.elements] : [0, 0];
    },
    calls: (planner, scratch) => {
      const plan = planner.attention('GRAD_KV', shape);
      if (plan.parts === 1) return [{ ...plan, tensors: into(dk, dv) }];
      const [dks, dvs] = present(scratch);
      const sum = planSumOfParts(plan.parts, dk.elements);
      return [
        { ...plan, tensors: into(dks, dvs) },
        { ...sum, tensors: [dks, dk] },
        { ...sum, tensors: [dvs, dv] },
      ];
    },
  };
}

function recordKeyGradient(g: Graph, at: RowAttentionInputs, saved: Saved): [dk: Tensor, dv: Tensor] {
  const dk = g.intermediate('d k', at.k.shape);
  const dv = g.intermediate('d v', at.v.shape);
  const bias = at.bias ? [at.bias] : [];
  const { d } = shapeOf(at);
  g.record({
    name: 'row attention key gradient',
    inputs: [at.q, at.k, at.v, saved.back, saved.dout, ...bias],
    outputs: [dk, dv],
    ...keyGradientPlan(planned(at), saved, [dk, dv]),
    reference: (value) => {
      const [q, dout] = [at.q, saved.dout].map(value);
      const [dks, dvs] = [dk, dv].map((tensor) => value(tensor).fill(0));
      forEachSlope(at, saved, value, (row, key, weight, slope) => {
        for (let e = 0; e < d; e++) {
          dks[key + e] += at.scale * slope * q[row + e];
          dvs[key + e] += weight * dout[row + e];
        }
      });
    },
  });
  return [dk, dv];
}
