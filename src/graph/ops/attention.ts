import {
  type AttentionForm,
  type AttentionShape,
  type AttentionSizes,
  planAttention,
} from '../../gpu/kernels/attention.ts';
import type { Tuning } from '../../gpu/tuning.ts';
import type { Graph, KernelCall, Numbers } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** What attention is computed from; see `shaders/attention.wgsl` for shapes and the meaning of batch and head groups. */
export interface AttentionInputs {
  /** [B, Sq, heads · d]. */
  q: Tensor;
  /** [Bk, Sk, keyHeads · d]; Bk divides B. */
  k: Tensor;
  v: Tensor;
  /** [Bk, Sk]; 0 hides a key. */
  mask: Tensor;
  /** [heads, Sq, Sk], or [1, Sq, Sk] for all heads, which has no gradient then; added to the scores. */
  bias?: Tensor | undefined;
  heads: number;
  keyHeads: number;
  /** Factor of q·k: 1 for T5, 1/√d for LLaMA. */
  scale: number;
  /** Key j only for queries i >= j (counted from `position` when given). */
  causal: boolean;
  /** u32 [1]: index of the first query among the keys, for generation. */
  position?: Tensor | undefined;
}

/** Log-sum-exp of the scores of a query that may see no key; `NONE` in the shader. */
const NO_KEYS = -3e38;

function sizesOf({ q, k, heads, keyHeads }: AttentionInputs): AttentionSizes {
  const [B, Sq, width] = q.shape;
  const [Bk, Sk] = k.shape;
  return { B, Sq, Bk, Sk, H: heads, Hk: keyHeads, d: width / heads };
}

function attentionCall(
  form: AttentionForm,
  at: AttentionInputs,
  tensors: Tensor[],
  { attentionRows }: Tuning,
): KernelCall {
  const { position, scale, causal } = at;
  const shape = { ...sizesOf(at), scale, causal, bias: biasOf(at), position: position !== undefined };
  return { ...planAttention(form, shape, attentionRows), tensors };
}

function biasOf({ bias, heads }: AttentionInputs): AttentionShape['bias'] {
  if (bias === undefined) return false;
  return bias.shape[0] === heads ? true : 'shared';
}

/** Visits every allowed (b, h, i, j) with the offsets of its rows, in the order of the kernels. */
function* pairs(at: AttentionInputs, mask: Numbers, position: number) {
  const { B, Sq, Bk, Sk, H, Hk, d } = sizesOf(at);
  const isShared = biasOf(at) === 'shared';
  for (let b = 0; b < B; b++) {
    const bk = Math.floor(b / (B / Bk));
    for (let h = 0; h < H; h++) {
      const hk = Math.floor(h / (H / Hk));
      for (let i = 0; i < Sq; i++) {
        for (let j = 0; j < Sk; j++) {
          if (mask[bk * Sk + j] === 0 || (at.causal && j > i + position)) continue;
          yield {
            at: (b * H + h) * Sq + i,
            row: ((b * Sq + i) * H + h) * d,
            key: ((bk * Sk + j) * Hk + hk) * d,
            bias: ((isShared ? 0 : h) * Sq + i) * Sk + j,
          };
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

function forwardTwin(at: AttentionInputs, value: (t: Tensor) => Numbers, lse: Numbers, o: Numbers): void {
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

/** Multi-head attention, o = softmax(scale q kᵀ + bias) v over the allowed keys. @returns o, of q's shape. */
export function attention(g: Graph, at: AttentionInputs): Tensor {
  return attentionParts(g, at).o;
}

/** The same with the logarithms of the sums that it divides by, lse [B, heads, Sq]; {@link NO_KEYS} where no key is allowed. */
export function attentionParts(g: Graph, at: AttentionInputs): { o: Tensor; lse: Tensor } {
  const { q, k, v, mask, bias, position } = at;
  const { B, Sq, H } = sizesOf(at);
  const o = g.intermediate('attention', q.shape);
  const lse = g.intermediate('log-sum-exp of scores', [B, H, Sq]);
  const optional = (...tensors: (Tensor | undefined)[]): Tensor[] => tensors.filter((t) => t !== undefined);
  const inputs = [q, k, v, mask, ...optional(bias, position)];
  g.record({
    name: 'attention',
    inputs,
    outputs: [o, lse],
    calls: (tuning) => [attentionCall('FORWARD', at, [q, k, v, mask, lse, o, ...optional(bias, position)], tuning)],
    twin: (value) => forwardTwin(at, value, value(lse), value(o)),
    gradient: ([dout], [wantsQ, wantsK, wantsV, , wantsBias]) => {
      if (dout === undefined) return [];
      const delta = g.intermediate('delta', [B, H, Sq]);
      const dq = g.intermediate('d q', q.shape);
      recordQueryGradient(g, at, { lse, o, dout, delta, dq });
      let [dk, dv, dbias]: (Tensor | undefined)[] = [];
      if (wantsK || wantsV) [dk, dv] = recordKeyGradient(g, at, { lse, dout, delta });
      if (wantsBias && bias) dbias = recordBiasGradient(g, at, bias, { lse, dout, delta });
      return [wantsQ ? dq : undefined, wantsK ? dk : undefined, wantsV ? dv : undefined, undefined, dbias];
    },
  });
  return { o, lse };
}

/** Probability and ds/scale of one pair, from what the forward pass left behind. */
function backOfPair(
  at: AttentionInputs,
  value: (t: Tensor) => Numbers,
  saved: { lse: Tensor; dout: Tensor; delta: Tensor },
): (p: { at: number; row: number; key: number; bias: number }) => [weight: number, ds: number] {
  const { d } = sizesOf(at);
  const [q, k, v, lse, dout, delta] = [at.q, at.k, at.v, saved.lse, saved.dout, saved.delta].map(value);
  const bias = at.bias && value(at.bias);
  return (p) => {
    const score = at.scale * dot(q, p.row, k, p.key, d) + (bias ? bias[p.bias] : 0);
    const weight = Math.exp(score - lse[p.at]);
    return [weight, weight * (dot(dout, p.row, v, p.key, d) - delta[p.at])];
  };
}

function recordQueryGradient(
  g: Graph,
  at: AttentionInputs,
  t: { lse: Tensor; o: Tensor; dout: Tensor; delta: Tensor; dq: Tensor },
): void {
  const { d } = sizesOf(at);
  const bias = at.bias ? [at.bias] : [];
  g.record({
    name: 'attention query gradient',
    inputs: [at.q, at.k, at.v, at.mask, t.lse, t.dout, t.o, ...bias],
    outputs: [t.dq, t.delta],
    calls: (tuning) => [
      attentionCall('GRAD_Q', at, [at.q, at.k, at.v, at.mask, t.lse, t.dout, t.delta, t.dq, t.o, ...bias], tuning),
    ],
    twin: (value) => {
      const [o, dout, delta, dq, k] = [t.o, t.dout, t.delta, t.dq, at.k].map(value);
      delta.fill(0);
      dq.fill(0);
      const { B, Sq, H } = sizesOf(at);
      for (let b = 0; b < B; b++)
        for (let h = 0; h < H; h++)
          for (let i = 0; i < Sq; i++) {
            const row = ((b * Sq + i) * H + h) * d;
            delta[(b * H + h) * Sq + i] = dot(dout, row, o, row, d);
          }
      const back = backOfPair(at, value, t);
      for (const p of pairs(at, value(at.mask), 0)) {
        const [, ds] = back(p);
        for (let e = 0; e < d; e++) dq[p.row + e] += at.scale * ds * k[p.key + e];
      }
    },
  });
}

function recordKeyGradient(
  g: Graph,
  at: AttentionInputs,
  t: { lse: Tensor; dout: Tensor; delta: Tensor },
): [Tensor, Tensor] {
  const { d } = sizesOf(at);
  const dk = g.intermediate('d k', at.k.shape);
  const dv = g.intermediate('d v', at.v.shape);
  const bias = at.bias ? [at.bias] : [];
  g.record({
    name: 'attention key gradient',
    inputs: [at.q, at.k, at.v, at.mask, t.lse, t.dout, t.delta, ...bias],
    outputs: [dk, dv],
    calls: (tuning) => [
      attentionCall('GRAD_KV', at, [at.q, at.k, at.v, at.mask, t.lse, t.dout, t.delta, dk, dv, ...bias], tuning),
    ],
    twin: (value) => {
      const [q, dout, dks, dvs] = [at.q, t.dout, dk, dv].map(value);
      dks.fill(0);
      dvs.fill(0);
      const back = backOfPair(at, value, t);
      for (const p of pairs(at, value(at.mask), 0)) {
        const [weight, ds] = back(p);
        for (let e = 0; e < d; e++) {
          dks[p.key + e] += at.scale * ds * q[p.row + e];
          dvs[p.key + e] += weight * dout[p.row + e];
        }
      }
    },
  });
  return [dk, dv];
}

function recordBiasGradient(
  g: Graph,
  at: AttentionInputs,
  bias: Tensor,
  t: { lse: Tensor; dout: Tensor; delta: Tensor },
): Tensor {
  const dbias = g.intermediate('d bias', bias.shape);
  return g.record({
    name: 'attention bias gradient',
    inputs: [at.q, at.k, at.v, at.mask, t.lse, t.dout, t.delta, bias],
    outputs: [dbias],
    calls: (tuning) => [
      attentionCall('GRAD_BIAS', at, [at.q, at.k, at.v, at.mask, t.lse, t.dout, t.delta, dbias, bias], tuning),
    ],
    twin: (value) => {
      value(dbias).fill(0);
      const back = backOfPair(at, value, t);
      for (const p of pairs(at, value(at.mask), 0)) value(dbias)[p.bias] += back(p)[1];
    },
  });
}
