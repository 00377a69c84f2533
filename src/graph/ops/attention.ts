import deltaTemplate from '../../../shaders/attention-delta.wgsl?raw';
import type { AttentionShape, AttentionSizes } from '../../device/attention-shape.ts';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { planSumOfParts } from '../../device/reduce-splits.ts';
import type { AttentionPlan, Planner } from '../../device/kernel-planner.ts';
import { fillTemplate } from '../../device/template.ts';
import { type Graph, type KernelCall, type Numbers, type Operation, present } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { type AttentionResults, mergeCall } from './merge-attention.ts';
import { sumOverDistances } from './position-bias.ts';

/** The inputs of attention; `shaders/attention-inputs.wgsl` explains shapes, batch groups and head groups. */
export interface AttentionInputs {
  /** [B, Sq, heads · d]. */
  q: Tensor;
  /** [Bk, Sk, keyHeads · d]; Bk divides B. */
  k: Tensor;
  v: Tensor;
  /** [Bk, Sk]; 0 hides a key. */
  mask: Tensor;
  /**
   * Added to the scores: [heads, Sq, Sk]; [1, Sq, Sk] for all heads, without a gradient; or [heads, Sq + Sk − 1] by
   * distance, as {@link relativeBias} gives it.
   */
  bias?: Tensor | undefined;
  heads: number;
  keyHeads: number;
  /** Factor of q·k: 1 for T5, 1/√d for LLaMA. */
  scale: number;
  /** Whether a query sees only keys up to its own position. */
  causal: boolean;
  /** Position of the first query among the keys, default 0; `position` is added to it. */
  offset?: number | undefined;
  /** Number of positions that a query sees, including its own: sliding attention. Without it or null: no limit. */
  window?: number | null | undefined;
  /** u32 [1]: added to the positions of queries in generation; absent where gradients are needed. */
  position?: Tensor | undefined;
}

/** Log-sum-exp of the scores of a query that sees no key; `NONE` in the shader. */
export const NO_KEYS = -3e38;

export function sizesOf({ q, k, heads, keyHeads }: AttentionInputs): AttentionSizes {
  const [B, Sq, width] = q.shape;
  const [Bk, Sk] = k.shape;
  return { B, Sq, Bk, Sk, H: heads, Hk: keyHeads, d: width / heads };
}

function shapeOf(at: AttentionInputs, scores = false): AttentionShape {
  const { position, scale, causal, offset = 0, window = null } = at;
  const [bias, hasPosition] = [biasOf(at), position !== undefined];
  return { ...sizesOf(at), scale, causal, offset, window, bias, position: hasPosition, scores };
}

function biasOf({ bias, heads }: AttentionInputs): AttentionShape['bias'] {
  if (bias === undefined) return false;
  if (bias.shape.length === 2) return 'distance';
  return bias.shape[0] === heads ? true : 'shared';
}

/** Iterates over every allowed (b, h, i, j) with the offsets of its rows, in the order of the kernels. */
function* pairs(at: AttentionInputs, mask: Numbers, position: number) {
  const { B, Sq, Bk, Sk, H, Hk, d } = sizesOf(at);
  const kind = biasOf(at);
  const biasIndex = (h: number, i: number, j: number): number =>
    kind === 'distance' ? h * (Sq + Sk - 1) + j - i + Sq - 1 : ((kind === 'shared' ? 0 : h) * Sq + i) * Sk + j;
  const { causal, offset = 0 } = at;
  const window = at.window ?? Infinity;
  for (let b = 0; b < B; b++) {
    const bk = Math.floor(b / (B / Bk));
    for (let h = 0; h < H; h++) {
      const hk = Math.floor(h / (H / Hk));
      for (let i = 0; i < Sq; i++) {
        for (let j = 0; j < Sk; j++) {
          const place = i + offset + position;
          if (mask[bk * Sk + j] === 0 || (causal && j > place) || j <= place - window) continue;
          yield {
            at: (b * Sq + i) * H + h,
            row: ((b * Sq + i) * H + h) * d,
            key: ((bk * Sk + j) * Hk + hk) * d,
            score: ((b * H + h) * Sq + i) * Sk + j,
            bias: biasIndex(h, i, j),
          };
        }
      }
    }
  }
}

export const dot = (a: Numbers, a0: number, b: Numbers, b0: number, d: number): number => {
  let sum = 0;
  for (let e = 0; e < d; e++) sum += a[a0 + e] * b[b0 + e];
  return sum;
};

/** Fills lse and o. */
export function forwardReference(at: AttentionInputs, value: (t: Tensor) => Numbers, lse: Numbers, o: Numbers): void {
  const { d } = sizesOf(at);
  const [q, k, v, mask] = [value(at.q), value(at.k), value(at.v), value(at.mask)];
  const position = at.position ? value(at.position)[0] : 0;
  const bias = at.bias && value(at.bias);
  const score = (p: { row: number; key: number; bias: number }): number =>
    at.scale * dot(q, p.row, k, p.key, d) + (bias ? bias[p.bias] : 0);
  const top = new Float64Array(lse.length).fill(-Infinity);
  const sum = new Float64Array(lse.length);
  for (const p of pairs(at, mask, position)) top[p.at] = Math.max(top[p.at], score(p));
  for (const p of pairs(at, mask, position)) sum[p.at] += Math.exp(score(p) - top[p.at]);
  for (let i = 0; i < lse.length; i++) lse[i] = sum[i] > 0 ? top[i] + Math.log(sum[i]) : NO_KEYS;
  o.fill(0);
  for (const p of pairs(at, mask, position)) {
    const weight = Math.exp(score(p) - lse[p.at]);
    for (let e = 0; e < d; e++) o[p.row + e] += weight * v[p.key + e];
  }
}

/** An attention for the planner: its shape, and the tensors it reads besides those that every form has. */
export interface PlannedAttention {
  readonly shape: AttentionShape;
  /** q, k and v. */
  readonly vectors: readonly Tensor[];
  /** The mask, or the table of spans. */
  readonly hiding: Tensor;
  /** Bias and position, if any. */
  readonly optional: readonly Tensor[];
}

const planned = (at: AttentionInputs): PlannedAttention => ({
  shape: shapeOf(at),
  vectors: [at.q, at.k, at.v],
  hiding: at.mask,
  optional: [at.bias, at.position].filter((tensor) => tensor !== undefined),
});

/** The kernel of attention, which may write its results in parts. */
export function forwardCall(
  at: AttentionInputs,
  results: AttentionResults,
  planner: Planner,
): KernelCall & AttentionPlan {
  return callOf(planned(at), results, planner);
}

const callOf = (
  { shape, vectors, hiding, optional }: PlannedAttention,
  { o, lse }: AttentionResults,
  planner: Planner,
): KernelCall & AttentionPlan => ({
  ...planner.attention('FORWARD', shape),
  tensors: [...vectors, hiding, lse, o, ...optional],
});

/** Most parts in which {@link forwardCall} may write its results, and the floats of o and lse for them. */
export function forwardParts(
  at: AttentionInputs,
  planner: Planner,
): { parts: number; floats: [o: number, lse: number] } {
  const parts = planner.attentionParts('FORWARD', shapeOf(at));
  const { B, Sq, H, d } = sizesOf(at);
  return { parts, floats: [parts * B * Sq * H * d, parts * B * Sq * H] };
}

/** How attention is computed, its parts merged. */
export function forwardPlan(
  at: PlannedAttention,
  { o, lse }: AttentionResults,
): Required<Pick<Operation, 'scratch' | 'calls'>> {
  return {
    scratch: (planner) => {
      const parts = planner.attentionParts('FORWARD', at.shape);
      return parts > 1 ? [parts * o.elements, parts * lse.elements] : [0, 0];
    },
    calls: (planner, scratch) => {
      const call = callOf(at, { o, lse }, planner);
      if (call.parts === 1) return [call];
      const [os, lses] = present(scratch);
      const divided = { o: os, lse: lses };
      return [callOf(at, divided, planner), mergeCall(at.shape.H, [{ ...divided, parts: call.parts }], { o, lse })];
    },
  };
}

/** Tensors that attention reads. */
export const inputsOf = ({ q, k, v, mask, bias, position }: AttentionInputs): Tensor[] =>
  [q, k, v, mask, bias, position].filter((tensor) => tensor !== undefined);

/** Multi-head attention, o = softmax(scale q kᵀ + bias) v over the allowed keys. @returns o, of q's shape. */
export function attention(g: Graph, at: AttentionInputs): Tensor {
  const { B, Sq, H } = sizesOf(at);
  const o = g.intermediate('attention', at.q.shape);
  const lse = g.intermediate('log-sum-exp of scores', [B, Sq, H]);
  g.record({
    name: 'attention',
    inputs: inputsOf(at),
    outputs: [o, lse],
    ...forwardPlan(planned(at), { o, lse }),
    reference: (value) => forwardReference(at, value, value(lse), value(o)),
    gradient: ([dout], [wantsQ, wantsK, wantsV, , wantsBias]) => {
      if (dout === undefined) return [];
      const saved = { dout, back: recordDelta(g, at.heads, { lse, o, dout, hiding: at.mask }) };
      const [dq, dbias] = wantsQ || wantsBias ? recordQueryGradient(g, at, saved, wantsBias) : [];
      const [dk, dv] = wantsK || wantsV ? recordKeyGradient(g, at, saved) : [];
      return [wantsQ ? dq : undefined, wantsK ? dk : undefined, wantsV ? dv : undefined, undefined, dbias];
    },
  });
  return o;
}

/** Probability and ds of one pair, from the values saved by the forward pass. */
function backOfPair(
  at: AttentionInputs,
  value: (t: Tensor) => Numbers,
  saved: Saved,
): (p: { at: number; row: number; key: number; bias: number }) => [weight: number, ds: number] {
  const { d } = sizesOf(at);
  const [q, k, v, dout, back] = [at.q, at.k, at.v, saved.dout, saved.back].map(value);
  const bias = at.bias && value(at.bias);
  return (p) => {
    const score = at.scale * dot(q, p.row, k, p.key, d) + (bias ? bias[p.bias] : 0);
    const weight = Math.exp(score - back[2 * p.at]);
    return [weight, weight * (dot(dout, p.row, v, p.key, d) - back[2 * p.at + 1])];
  };
}

/**
 * @param hiding the mask, or the table of spans.
 * @returns what the gradients read besides q, k and v: lse and delta [B, Sq, H, 2], then the mask or table, as floats.
 */
export function recordDelta(
  g: Graph,
  heads: number,
  { lse, o, dout, hiding }: Record<'lse' | 'o' | 'dout' | 'hiding', Tensor>,
): Tensor {
  const [queries, rest, d] = [lse.elements, hiding.elements, o.shape[2] / heads];
  // An even size, since it is read in pairs.
  const back = g.intermediate('log-sum-exp, delta and mask', [2 * queries + rest + (rest % 2)]);
  const [vec, isTable] = [d % 4 === 0, hiding.dtype === 'u32'];
  const wgsl = (): string =>
    fillTemplate(deltaTemplate, {
      ...{ T: vec ? 'vec4f' : 'f32', DOT: vec ? 'dot' : 'product' },
      ...{ SCALAR: !vec, LANES: vec ? 4 : 1, HIDING: isTable ? 'u32' : 'f32' },
    });
  const name = `attention/delta${vec ? '' : '-scalar'}${isTable ? '-spans' : ''}`;
  return g.record({
    name: 'attention delta',
    inputs: [lse, dout, o, hiding],
    outputs: [back],
    calls: () => [
      {
        kernel: {
          ...{ name, wgsl },
          wasm: { entry: 'attentionDelta', constants: [queries / heads, heads, isTable ? 1 : 0] },
        },
        params: [d, queries, rest].map(u32),
        tensors: [lse, dout, o, hiding, back],
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
      backs.set(value(hiding), 2 * queries);
    },
  });
}

/** The inputs of the gradients. */
export interface Saved {
  readonly dout: Tensor;
  /** From {@link recordDelta}. */
  readonly back: Tensor;
}

/** @returns dq and, if wanted, the gradient of the bias: that of the scores, summed over batches. */
function recordQueryGradient(
  g: Graph,
  at: AttentionInputs,
  t: Saved,
  wantsBias: boolean,
): [dq: Tensor, dbias: Tensor | undefined] {
  const { d, B, H, Sq, Sk } = sizesOf(at);
  const dq = g.intermediate('d q', at.q.shape);
  const ds = at.bias && wantsBias ? g.intermediate('d scores', [B, H, Sq, Sk]) : undefined;
  const bias = at.bias ? [at.bias] : [];
  const scores = ds ? [ds] : [];
  g.record({
    name: 'attention query gradient',
    inputs: [at.q, at.k, at.v, t.back, t.dout, ...bias],
    outputs: [dq, ...scores],
    calls: (planner) => {
      const tensors = [at.q, at.k, at.v, t.back, t.dout, dq, ...bias, ...scores];
      return [{ ...planner.attention('GRAD_Q', shapeOf(at, ds !== undefined)), tensors }];
    },
    reference: (value) => {
      const [dqs, k] = [dq, at.k].map(value);
      for (const tensor of [dq, ...scores]) value(tensor).fill(0);
      const pair = backOfPair(at, value, t);
      for (const p of pairs(at, maskOf(at, value(t.back)), 0)) {
        const [, dscore] = pair(p);
        for (let e = 0; e < d; e++) dqs[p.row + e] += at.scale * dscore * k[p.key + e];
        if (ds) value(ds)[p.score] = dscore;
      }
    },
  });
  const dbias = ds && sumOverBatch(g, ds);
  return [dq, dbias && biasOf(at) === 'distance' ? sumOverDistances(g, dbias) : dbias];
}

/** The mask at the end of the tensor from {@link recordDelta}. */
const maskOf = (at: AttentionInputs, back: Numbers): Numbers => {
  const { B, H, Sq } = sizesOf(at);
  return back.subarray(2 * B * H * Sq);
};

/** How dk and dv are computed, their parts added. */
export function keyGradientPlan(
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

/** @returns dk and dv. */
function recordKeyGradient(g: Graph, at: AttentionInputs, t: Saved): [dk: Tensor, dv: Tensor] {
  const { d } = sizesOf(at);
  const dk = g.intermediate('d k', at.k.shape);
  const dv = g.intermediate('d v', at.v.shape);
  const bias = at.bias ? [at.bias] : [];
  g.record({
    name: 'attention key gradient',
    inputs: [at.q, at.k, at.v, t.back, t.dout, ...bias],
    outputs: [dk, dv],
    ...keyGradientPlan(planned(at), t, [dk, dv]),
    reference: (value) => {
      const [q, dout, dks, dvs] = [at.q, t.dout, dk, dv].map(value);
      for (const tensor of [dk, dv]) value(tensor).fill(0);
      const pair = backOfPair(at, value, t);
      for (const p of pairs(at, maskOf(at, value(t.back)), 0)) {
        const [weight, dscore] = pair(p);
        for (let e = 0; e < d; e++) {
          dks[p.key + e] += at.scale * dscore * q[p.row + e];
          dvs[p.key + e] += weight * dout[p.row + e];
        }
      }
    },
  });
  return [dk, dv];
}

/** Σ_b of the gradients of scores [B, H, Sq, Sk]: the gradient of a bias [H, Sq, Sk]. */
function sumOverBatch(g: Graph, ds: Tensor): Tensor {
  const [B, ...shape] = ds.shape;
  const dbias = g.intermediate('d bias', shape);
  return g.record({
    name: 'sum over batch',
    inputs: [ds],
    outputs: [dbias],
    calls: () => [{ ...planSumOfParts(B, dbias.elements), tensors: [ds, dbias] }],
    reference: (value) => {
      const [from, sums] = [value(ds), value(dbias)];
      for (let i = 0; i < dbias.elements; i++) {
        sums[i] = 0;
        for (let b = 0; b < B; b++) sums[i] += from[b * dbias.elements + i];
      }
    },
  });
}
