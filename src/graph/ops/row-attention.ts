import type { AttentionForm, RowAttentionShape } from '../../device/attention-shape.ts';
import type { AttentionPlan, Planner } from '../../device/kernel-planner.ts';
import { u32 } from '../../device/kernel.ts';
import type { Graph, Numbers } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

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

/** The inputs of the attention of rows. */
export interface RowAttentionInputs {
  /** [1, N, heads · d]: the queries of all rows. */
  q: Tensor;
  /** [1, M, keyHeads · d]. */
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
  /** [heads, 2 · reach − 1], added to the scores: entry key − query + reach − 1, by their positions. */
  bias?: Tensor | undefined;
}

/** Log-sum-exp of the scores of a query that sees no key. */
const NO_KEYS = -3e38;

function shapeOf({ q, k, spans, heads, keyHeads, bias, ...at }: RowAttentionInputs): RowAttentionShape {
  const { scale, causal, window = null } = at;
  const [N, M, R] = [q.shape[1], k.shape[1], spans.shape[0]];
  const d = q.shape[2] / heads;
  return { N, M, R, H: heads, Hk: keyHeads, d, scale, causal, window, distances: bias?.shape[1] ?? 0 };
}

/** A query and a key that it sees, for one head: where their vectors and values begin. */
interface Pair {
  /** Of lse. */
  readonly at: number;
  readonly row: number;
  readonly key: number;
  readonly bias: number;
}

/** Every pair that may see each other. */
function* pairsOf(at: RowAttentionInputs, spans: Numbers): Generator<Pair> {
  const { R, H, Hk, d, causal, window, distances } = shapeOf(at);
  for (let span = 0; span < R; span++) {
    const [queriesBegin, queriesCount, sharedBegin, sharedCount, ownBegin, ownCount] = spans.subarray(SPAN_FIELDS * span);
    for (let i = 0; i < queriesCount; i++) {
      const place = sharedCount + i;
      for (let j = 0; j < sharedCount + ownCount; j++) {
        if ((causal && j > place) || j <= place - (window ?? Infinity)) continue;
        const key = j < sharedCount ? sharedBegin + j : ownBegin + j - sharedCount;
        for (let h = 0; h < H; h++) {
          const line = (queriesBegin + i) * H + h;
          const bias = h * distances + (distances - 1) / 2 + j - place;
          yield { at: line, row: line * d, key: (key * Hk + Math.floor(h / (H / Hk))) * d, bias };
        }
      }
    }
  }
}

const dot = (a: Numbers, a0: number, b: Numbers, b0: number, d: number): number => {
  let sum = 0;
  for (let e = 0; e < d; e++) sum += a[a0 + e] * b[b0 + e];
  return sum;
};

/** The score of a pair. */
function scoreOf(at: RowAttentionInputs, value: (t: Tensor) => Numbers): (p: Pair) => number {
  const { d } = shapeOf(at);
  const [q, k, bias] = [value(at.q), value(at.k), at.bias && value(at.bias)];
  return (p) => at.scale * dot(q, p.row, k, p.key, d) + (bias ? bias[p.bias] : 0);
}

const planOf = (planner: Planner, form: AttentionForm, at: RowAttentionInputs): AttentionPlan =>
  planner.rowAttention(form, shapeOf(at));

/**
 * Multi-head attention of the rows of a batch without padding, which may share their beginnings: o = softmax(scale q kᵀ
 * + bias) v over the keys that a query sees.
 *
 * @returns o, of q's shape.
 */
export function rowAttention(g: Graph, at: RowAttentionInputs): Tensor {
  const { N, H, d } = shapeOf(at);
  const o = g.intermediate('attention', at.q.shape);
  const lse = g.intermediate('log-sum-exp of scores', [N, H]);
  const bias = at.bias ? [at.bias] : [];
  g.record({
    name: 'row attention',
    inputs: [at.q, at.k, at.v, at.spans, ...bias],
    outputs: [o, lse],
    calls: (planner) => [
      { ...planOf(planner, 'FORWARD', at), tensors: [at.q, at.k, at.v, at.spans, lse, o, ...bias] },
    ],
    reference: (value) => {
      const [spans, v, lses, os] = [at.spans, at.v, lse, o].map(value);
      const score = scoreOf(at, value);
      const top = new Float64Array(lses.length).fill(-Infinity);
      const sum = new Float64Array(lses.length);
      for (const p of pairsOf(at, spans)) top[p.at] = Math.max(top[p.at], score(p));
      for (const p of pairsOf(at, spans)) sum[p.at] += Math.exp(score(p) - top[p.at]);
      for (let i = 0; i < lses.length; i++) lses[i] = sum[i] > 0 ? top[i] + Math.log(sum[i]) : NO_KEYS;
      os.fill(0);
      for (const p of pairsOf(at, spans)) {
        const weight = Math.exp(score(p) - lses[p.at]);
        for (let e = 0; e < d; e++) os[p.row + e] += weight * v[p.key + e];
      }
    },
    gradient: ([dout], [wantsQ, wantsK, wantsV]) => {
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
  { q, heads, spans }: RowAttentionInputs,
  { lse, o, dout }: Record<'lse' | 'o' | 'dout', Tensor>,
): Tensor {
  const N = q.shape[1];
  const d = q.shape[2] / heads;
  const back = g.intermediate('log-sum-exp, delta and spans', [2 * lse.elements + spans.elements]);
  return g.record({
    name: 'row attention delta',
    inputs: [lse, dout, o, spans],
    outputs: [back],
    calls: () => [
      {
        kernel: { name: 'row-attention/delta', wasm: { entry: 'rowAttentionDelta' } },
        params: [N, heads, d, spans.elements].map(u32),
        tensors: [lse, dout, o, spans, back],
        units: N + 1,
        cost: 2 * o.elements,
      },
    ],
    reference: (value) => {
      const [lses, os, douts, backs] = [lse, o, dout, back].map(value);
      for (let at = 0; at < lses.length; at++) {
        backs[2 * at] = lses[at];
        backs[2 * at + 1] = dot(douts, at * d, os, at * d, d);
      }
      backs.set(value(spans), 2 * lses.length);
    },
  });
}

/** The inputs of the gradients. */
interface Saved {
  readonly dout: Tensor;
  /** From {@link recordDelta}. */
  readonly back: Tensor;
}

/** Every pair with its probability and the gradient of its score, from the values that {@link recordDelta} saved. */
function* slopesOf(at: RowAttentionInputs, { dout, back }: Saved, value: (t: Tensor) => Numbers) {
  const { d, N, H } = shapeOf(at);
  const [v, douts, backs] = [at.v, dout, back].map(value);
  const score = scoreOf(at, value);
  for (const p of pairsOf(at, backs.subarray(2 * N * H))) {
    const weight = Math.exp(score(p) - backs[2 * p.at]);
    yield { ...p, weight, slope: weight * (dot(douts, p.row, v, p.key, d) - backs[2 * p.at + 1]) };
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
      { ...planOf(planner, 'GRAD_Q', at), tensors: [at.q, at.k, at.v, saved.back, saved.dout, dq, ...bias] },
    ],
    reference: (value) => {
      const [k, dqs] = [value(at.k), value(dq).fill(0)];
      for (const { row, key, slope } of slopesOf(at, saved, value)) {
        for (let e = 0; e < d; e++) dqs[row + e] += at.scale * slope * k[key + e];
      }
    },
  });
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
    calls: (planner) => [
      { ...planOf(planner, 'GRAD_KV', at), tensors: [at.q, at.k, at.v, saved.back, saved.dout, dk, dv, ...bias] },
    ],
    reference: (value) => {
      const [q, dout] = [at.q, saved.dout].map(value);
      const [dks, dvs] = [dk, dv].map((tensor) => value(tensor).fill(0));
      for (const { row, key, weight, slope } of slopesOf(at, saved, value)) {
        for (let e = 0; e < d; e++) {
          dks[key + e] += at.scale * slope * q[row + e];
          dvs[key + e] += weight * dout[row + e];
        }
      }
    },
  });
  return [dk, dv];
}
