import { type Graph, present } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { type AttentionInputs, forwardCall, forwardParts, forwardReference, inputsOf, sizesOf } from './attention.ts';
import { mergeCall } from './merge-attention.ts';

/**
 * Attention of the same queries over two sets of keys, as if they were one: those of the prompt, which several answers
 * may share, and those of the answer. Has no gradient.
 *
 * @returns o, of q's shape.
 */
export function mergedAttention(g: Graph, one: AttentionInputs, other: AttentionInputs): Tensor {
  const { B, Sq: S, H, d } = sizesOf(one);
  const o = g.intermediate('merged attention', one.q.shape);
  return g.record({
    name: 'merged attention',
    inputs: [...new Set([...inputsOf(one), ...inputsOf(other)])],
    outputs: [o],
    scratch: (planner) => [one, other].flatMap((at) => forwardParts(at, planner).floats),
    calls: (planner, scratch) => {
      const [o1, l1, o2, l2] = present(scratch);
      const [first, second] = [
        { o: o1, lse: l1 },
        { o: o2, lse: l2 },
      ];
      const calls = [forwardCall(one, first, planner), forwardCall(other, second, planner)];
      const sets = { one: { ...first, parts: calls[0].parts }, other: { ...second, parts: calls[1].parts } };
      return [...calls, mergeCall(H, [sets.one, sets.other], { o })];
    },
    reference: (value) => {
      const [first, second] = [one, other].map((at) => {
        const results = { lse: new Float64Array(B * H * S), o: new Float64Array(o.elements) };
        forwardReference(at, value, results.lse, results.o);
        return results;
      });
      for (let i = 0; i < o.elements; i++) {
        const head = Math.floor(i / d);
        const token = Math.floor(head / H);
        const at = (Math.floor(token / S) * H + (head % H)) * S + (token % S);
        const top = Math.max(first.lse[at], second.lse[at]);
        const [w1, w2] = [Math.exp(first.lse[at] - top), Math.exp(second.lse[at] - top)];
        value(o)[i] = (w1 * first.o[i] + w2 * second.o[i]) / (w1 + w2);
      }
    },
  });
}
