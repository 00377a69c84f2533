import template from '../../../shaders/merge-attention.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import { attentionParts, type AttentionInputs } from './attention.ts';

/**
 * Attention of the same queries over two sets of keys, as if they were one: those of the prompt, which several answers
 * may share, and those of the answer. Has no gradient.
 *
 * @returns o, of q's shape.
 */
export function mergedAttention(g: Graph, one: AttentionInputs, other: AttentionInputs): Tensor {
  const [first, second] = [attentionParts(g, one), attentionParts(g, other)];
  const [, S, width] = one.q.shape;
  const H = one.heads;
  const d = width / H;
  const size = sizeOf(one.q.shape);
  const o = g.intermediate('merged attention', one.q.shape);
  const inputs = [first.o, first.lse, second.o, second.lse];
  return g.record({
    name: 'merge attention',
    inputs,
    outputs: [o],
    calls: () => [
      {
        kernel: { name: 'merge-attention', wgsl: () => fillTemplate(template, {}), wasm: { entry: 'mergeAttention' } },
        params: [size, S, H, d].map(u32),
        tensors: [...inputs, o],
        workgroups: flatWorkgroups(size, 64),
        units: size / d,
        cost: size * 8,
      },
    ],
    reference: (value) => {
      const [o1, l1, o2, l2] = inputs.map(value);
      for (let i = 0; i < size; i++) {
        const head = Math.floor(i / d);
        const token = Math.floor(head / H);
        const at = (Math.floor(token / S) * H + (head % H)) * S + (token % S);
        const top = Math.max(l1[at], l2[at]);
        const [w1, w2] = [Math.exp(l1[at] - top), Math.exp(l2[at] - top)];
        value(o)[i] = (w1 * o1[i] + w2 * o2[i]) / (w1 + w2);
      }
    },
  });
}
