import deltaTemplate from '../../../shaders/attention-delta.wgsl?raw';
import mergeTemplate from '../../../shaders/merge-attention.wgsl?raw';
import type { AttentionShape } from '../../device/kernel-planner.ts';
import { flatWorkgroups, planSumOfParts, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { type Graph, type TensorCall, type Numbers, present } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** Numbers of a span in the table. */
export const SPAN_FIELDS = 6;

/** Log-sum-exp of the scores of a query that sees no key; `NONE` in the shader. */
const NO_KEYS = -3e38;

/**
 * Tokens that follow each other in a text: which ask, and which keys they see. These are the keys of the span that it
 * continues, those that that one sees, and its own. So several texts share what they begin with.
 */
export interface Span {
  /** The first query, and their number. */
  readonly queries: number;
  readonly queryCount: number;
  /** The first of its own keys, and their number. */
  readonly keys: number;
  readonly keyCount: number;
  /** The span that it continues, if any. */
  readonly after?: Span | undefined;
}

/** A span whose tokens all ask, and are keys. */
export const span = (begin: number, count: number, after?: Span): Span => ({
  queries: begin,
  queryCount: count,
  keys: begin,
  keyCount: count,
  after,
});

/** The position of a span's first token in its text. */
export const startOf = ({ after }: Span): number => (after ? startOf(after) + after.keyCount : 0);

/**
 * Spans as numbers, and zeros up to `room` spans.
 *
 * @throws RangeError if a span continues one that is not among them.
 */
export function spanTable(spans: readonly Span[], room = spans.length): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(room * SPAN_FIELDS);
  const places = new Map(spans.map((one, i) => [one, i]));
  spans.forEach((one, i) => {
    const after = one.after ? places.get(one.after) : -1;
    if (after === undefined) throw new RangeError('A span continues one that is not in the table.');
    const { queries, queryCount, keys, keyCount } = one;
    table.set([queries, queryCount, keys, keyCount, startOf(one), after + 1], i * SPAN_FIELDS);
  });
  return table;
}

/** The inputs of attention. */
export interface AttentionInputs {
  /** [..., heads · d]: the queries of all spans, N in all. */
  q: Tensor;
  /** [..., keyHeads · d]: M in all. */
  k: Tensor;
  v: Tensor;
  /**
   * u32 [R, 6], see {@link spanTable}. Every query belongs to one span, even if nobody reads its result; so does every key
   * where gradients are wanted. A span of zeros is unused. Those with the most readers should come first.
   */
  spans: Tensor;
  /** How many spans have queries, where these come first; all by default. No gradient with fewer. */
  asking?: number | undefined;
  heads: number;
  keyHeads: number;
  /** Factor of q·k: 1 for T5, 1/√d for LLaMA. */
  scale: number;
  /** Whether a query sees only keys up to its own position. */
  causal: boolean;
  /** Number of positions that a query sees, including its own: sliding attention. Without it or null: no limit. */
  window?: number | null | undefined;
  /** [heads, distances], added to the scores: entry key − query + (distances − 1) / 2, by positions. No gradient. */
  bias?: Tensor | undefined;
  /** u32 [1], in generation: the queries of a span begin this many positions after its first key. No gradient. */
  position?: Tensor | undefined;
}

function shapeOf(at: AttentionInputs): AttentionShape {
  const { q, k, spans, asking = spans.shape[0], heads, keyHeads, scale, causal, window = null, bias, position } = at;
  const d = q.shape[q.shape.length - 1] / heads;
  return {
    ...{
      N: q.elements / (heads * d),
      M: k.elements / (keyHeads * d),
      H: heads,
      Hk: keyHeads,
      d,
      scale,
      causal,
      window,
    },
    spans: asking,
    distances: bias?.shape[1] ?? 0,
    position: position !== undefined,
  };
}

const optionalOf = ({ bias, position }: AttentionInputs): Tensor[] =>
  [bias, position].filter((tensor) => tensor !== undefined);

/** A query and the keys that it sees, for one head: where their vectors and values begin. */
interface Line {
  /** Of lse. */
  readonly at: number;
  readonly row: number;
  readonly keys: readonly number[];
  /** Of the first key; those of the others follow. */
  readonly bias: number;
}

/** Every query of every head. @param shift how far queries are behind the first keys of their spans. */
function* linesOf(at: AttentionInputs, spans: Numbers, shift: number): Generator<Line> {
  const { H, Hk, d, causal, window, distances, spans: asking } = shapeOf(at);
  const fieldsOf = (span: number): Numbers => spans.subarray(SPAN_FIELDS * span, SPAN_FIELDS * (span + 1));
  /** The keys that a span sees, by their positions. */
  const keysOf = (span: number): number[] => {
    const [, , keys, keyCount, , after] = fieldsOf(span);
    const own = Array.from({ length: keyCount }, (_, i) => keys + i);
    return after > 0 ? [...keysOf(after - 1), ...own] : own;
  };
  for (let span = 0; span < asking; span++) {
    const [queries, queryCount, , , start] = fieldsOf(span);
    const seen = queryCount > 0 ? keysOf(span) : [];
    for (let i = 0; i < queryCount; i++) {
      const place = start + i + shift;
      const from = Math.max(0, place + 1 - (window ?? Infinity));
      const tokens = seen.slice(from, causal ? place + 1 : undefined);
      for (let h = 0; h < H; h++) {
        const line = (queries + i) * H + h;
        const keys = tokens.map((token) => (token * Hk + Math.floor(h / (H / Hk))) * d);
        yield { at: line, row: line * d, keys, bias: h * distances + (distances - 1) / 2 + from - place };
      }
    }
  }
}

const dot = (a: Numbers, a0: number, b: Numbers, b0: number, d: number): number => {
  let sum = 0;
  for (let e = 0; e < d; e++) sum += a[a0 + e] * b[b0 + e];
  return sum;
};

/** The scores of a query's keys. */
function scoresOf(at: AttentionInputs, value: (t: Tensor) => Numbers): (line: Line) => number[] {
  const { d } = shapeOf(at);
  const [q, k, bias] = [value(at.q), value(at.k), at.bias && value(at.bias)];
  return ({ row, keys, bias: begin }) =>
    keys.map((key, n) => at.scale * dot(q, row, k, key, d) + (bias ? bias[begin + n] : 0));
}

/**
 * Multi-head attention of several texts, which may share their beginnings: o = softmax(scale q kᵀ + bias) v over the keys
 * that a query sees. Its gradient needs every query at the position of its own key.
 *
 * @returns o, of q's shape.
 */
export function attention(g: Graph, at: AttentionInputs): Tensor {
  const shape = shapeOf(at);
  const { N, H, d } = shape;
  const o = g.intermediate('attention', at.q.shape);
  const lse = g.intermediate('log-sum-exp of scores', [1, N, H]);
  const optional = optionalOf(at);
  g.record({
    name: 'attention',
    inputs: [at.q, at.k, at.v, at.spans, ...optional],
    outputs: [o, lse],
    scratch: (planner) => {
      const parts = planner.attentionParts('FORWARD', shape);
      return parts > 1 ? [parts * o.elements, parts * lse.elements] : [0, 0];
    },
    calls: (planner, scratch) => {
      const plan = planner.attention('FORWARD', shape);
      const into = (...results: Tensor[]): Tensor[] => [at.q, at.k, at.v, at.spans, ...results, ...optional];
      if (plan.parts === 1) return [{ ...plan, tensors: into(lse, o) }];
      const [os, lses] = present(scratch);
      return [{ ...plan, tensors: into(lses, os) }, mergeCall(plan.parts, d, [os, lses], [o, lse])];
    },
    reference: (value) => {
      const [spans, v, lses, os] = [at.spans, at.v, lse, o].map(value);
      const shift = at.position ? value(at.position)[0] : 0;
      const scores = scoresOf(at, value);
      lses.fill(NO_KEYS);
      os.fill(0);
      for (const line of linesOf(at, spans, shift)) {
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
    gradient: ([dout], [wantsQ, wantsK, wantsV, , ...others]) => {
      if (others.some(Boolean)) throw new Error('the bias of attention has no gradient');
      if (dout === undefined) return [];
      const saved = { dout, back: recordDelta(g, at, { lse, o, dout }) };
      const dq = wantsQ ? recordQueryGradient(g, at, saved) : undefined;
      const [dk, dv] = wantsK || wantsV ? recordKeyGradient(g, at, saved) : [];
      return [dq, wantsK ? dk : undefined, wantsV ? dv : undefined];
    },
  });
  return o;
}

/** The kernel that merges attention over several parts of the keys, one after another in each tensor. */
function mergeCall(parts: number, d: number, from: readonly Tensor[], into: readonly Tensor[]): TensorCall {
  const [{ elements: size }] = into;
  return {
    kernel: { name: 'merge-attention', wgsl: () => mergeTemplate },
    params: [size, d, parts].map(u32),
    tensors: [...from, ...into],
    workgroups: flatWorkgroups(size, 64),
    units: size / d,
    cost: size * 4 * parts,
  };
}

/** @returns what the gradients read besides q, k and v: lse and delta [N, H, 2], then the spans as floats. */
function recordDelta(
  g: Graph,
  { heads, spans }: AttentionInputs,
  { lse, o, dout }: Record<'lse' | 'o' | 'dout', Tensor>,
): Tensor {
  const [queries, rest, d] = [lse.elements, spans.elements, o.elements / lse.elements];
  const back = g.intermediate('log-sum-exp, delta and spans', [2 * queries + rest]);
  const vec = d % 4 === 0;
  const wgsl = (): string =>
    fillTemplate(deltaTemplate, {
      T: vec ? 'vec4f' : 'f32',
      DOT: vec ? 'dot' : 'product',
      SCALAR: !vec,
      LANES: vec ? 4 : 1,
    });
  const name = `attention/delta${vec ? '' : '-scalar'}`;
  return g.record({
    name: 'attention delta',
    inputs: [lse, dout, o, spans],
    outputs: [back],
    calls: () => [
      {
        kernel: {
          name,
          wgsl,
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
  at: AttentionInputs,
  { dout, back }: Saved,
  value: (t: Tensor) => Numbers,
  visit: (row: number, key: number, weight: number, slope: number) => void,
): void {
  const { d, N, H } = shapeOf(at);
  const [v, douts, backs] = [at.v, dout, back].map(value);
  const scores = scoresOf(at, value);
  for (const line of linesOf(at, backs.subarray(2 * N * H), 0)) {
    const [lse, delta] = backs.subarray(2 * line.at);
    scores(line).forEach((score, n) => {
      const key = line.keys[n];
      const weight = Math.exp(score - lse);
      visit(line.row, key, weight, weight * (dot(douts, line.row, v, key, d) - delta));
    });
  }
}

/** The tensors of a gradient's kernel. */
const gradientTensors = (at: AttentionInputs, { back, dout }: Saved, into: readonly Tensor[]): Tensor[] => [
  ...[at.q, at.k, at.v, back, dout, ...into, ...optionalOf(at)],
];

function recordQueryGradient(g: Graph, at: AttentionInputs, saved: Saved): Tensor {
  const dq = g.intermediate('d q', at.q.shape);
  const shape = shapeOf(at);
  return g.record({
    name: 'attention query gradient',
    inputs: gradientTensors(at, saved, []),
    outputs: [dq],
    calls: (planner) => [{ ...planner.attention('GRAD_Q', shape), tensors: gradientTensors(at, saved, [dq]) }],
    reference: (value) => {
      const [k, dqs] = [value(at.k), value(dq).fill(0)];
      forEachSlope(at, saved, value, (row, key, _, slope) => {
        for (let e = 0; e < shape.d; e++) dqs[row + e] += at.scale * slope * k[key + e];
      });
    },
  });
}

function recordKeyGradient(g: Graph, at: AttentionInputs, saved: Saved): [dk: Tensor, dv: Tensor] {
  const dk = g.intermediate('d k', at.k.shape);
  const dv = g.intermediate('d v', at.v.shape);
  const shape = shapeOf(at);
  g.record({
    name: 'attention key gradient',
    inputs: gradientTensors(at, saved, []),
    outputs: [dk, dv],
    scratch: (planner) => {
      const parts = planner.attentionParts('GRAD_KV', shape);
      return parts > 1 ? [parts * dk.elements, parts * dv.elements] : [0, 0];
    },
    calls: (planner, scratch) => {
      const plan = planner.attention('GRAD_KV', shape);
      if (plan.parts === 1) return [{ ...plan, tensors: gradientTensors(at, saved, [dk, dv]) }];
      const [dks, dvs] = present(scratch);
      const sum = planSumOfParts(plan.parts, dk.elements);
      return [
        { ...plan, tensors: gradientTensors(at, saved, [dks, dvs]) },
        { ...sum, tensors: [dks, dk] },
        { ...sum, tensors: [dvs, dv] },
      ];
    },
    reference: (value) => {
      const [q, dout] = [at.q, saved.dout].map(value);
      const [dks, dvs] = [dk, dv].map((tensor) => value(tensor).fill(0));
      forEachSlope(at, saved, value, (row, key, weight, slope) => {
        for (let e = 0; e < shape.d; e++) {
          dks[key + e] += at.scale * slope * q[row + e];
          dvs[key + e] += weight * dout[row + e];
        }
      });
    },
  });
  return [dk, dv];
}
