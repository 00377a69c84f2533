import { type Graph, present } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import {
  attention,
  type AttentionInputs,
  forwardCall,
  forwardParts,
  forwardReference,
  inputsOf,
  sizesOf,
} from './attention.ts';
import { mergeCall } from './merge-attention.ts';

/**
 * Attention of the same queries over one to three sets of keys, as if they were one: those of the beginning that
 * prompts share, those of a prompt, which several answers may share, and those of the answer. Over several it has no
 * gradient.
 *
 * @returns o, of q's shape.
 */
export function mergedAttention(g: Graph, sets: readonly AttentionInputs[]): Tensor {
  const [one] = sets;
  if (sets.length === 1) return attention(g, one);
  const { B, Sq: S, H, d } = sizesOf(one);
  const o = g.intermediate('merged attention', one.q.shape);
  return g.record({
    name: 'merged attention',
    inputs: [...new Set(sets.flatMap(inputsOf))],
    outputs: [o],
    scratch: (planner) => sets.flatMap((at) => forwardParts(at, planner).floats),
    calls: (planner, scratch) => {
      const tensors = present(scratch);
      const results = sets.map((_, set) => ({ o: tensors[2 * set], lse: tensors[2 * set + 1] }));
      const calls = sets.map((at, set) => forwardCall(at, results[set], planner));
      const parts = results.map((result, set) => ({ ...result, parts: calls[set].parts }));
      return [...calls, mergeCall(H, parts, { o })];
    },
    reference: (value) => {
      const results = sets.map((at) => {
        const result = { lse: new Float64Array(B * H * S), o: new Float64Array(o.elements) };
        forwardReference(at, value, result.lse, result.o);
        return result;
      });
      for (let i = 0; i < o.elements; i++) {
        const at = Math.floor(i / d);
        const top = Math.max(...results.map(({ lse }) => lse[at]));
        const weights = results.map(({ lse }) => Math.exp(lse[at] - top));
        const sum = results.reduce((total, result, set) => total + weights[set] * result.o[i], 0);
        value(o)[i] = sum / weights.reduce((total, weight) => total + weight, 0);
      }
    },
  });
}
