import type { AttentionShape, AttentionSizes } from '../../device/attention-shape.ts';
import type { AttentionPlan, Planner } from '../../device/kernel-planner.ts';
import { type Graph, type KernelCall, type Numbers, type Operation, present } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { type AttentionResults, mergeCall } from './merge-attention.ts';

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
   * Added to the scores: [heads, Sq, Sk]; [1, Sq, Sk] for all heads; or [heads, Sq + Sk − 1] by
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
  /** u32 [1]: added to the positions of queries in generation. */
  position?: Tensor | undefined;
}

/** Log-sum-exp of the scores of a query that sees no key; `NONE` in the shader. */
export const NO_KEYS = -3e38;

export function sizesOf({ q, k, heads, keyHeads }: AttentionInputs): AttentionSizes {
  const [B, Sq, width] = q.shape;
  const [Bk, Sk] = k.shape;
  return { B, Sq, Bk, Sk, H: heads, Hk: keyHeads, d: width / heads };
}

function shapeOf(at: AttentionInputs): AttentionShape {
  const { position, scale, causal, offset = 0, window = null } = at;
  const [bias, hasPosition] = [biasOf(at), position !== undefined];
  return { ...sizesOf(at), scale, causal, offset, window, bias, position: hasPosition };
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

/** Multi-head attention, o = softmax(scale q kᵀ + bias) v over the allowed keys, without a gradient. @returns o, of q's shape. */
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
  });
  return o;
}
