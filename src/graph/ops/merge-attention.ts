import template from '../../../shaders/merge-attention.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { KernelCall } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** What attention over one set of keys writes. */
export interface AttentionResults {
  /** [B, S, heads · d]. */
  readonly o: Tensor;
  /** Log-sum-exp of the scores, [B, heads, S]. */
  readonly lse: Tensor;
}

/** Results over several sets of keys, one after another in each tensor. */
interface Parts extends AttentionResults {
  readonly parts: number;
}

/**
 * The kernel that merges attention over sets of keys into attention over all of them.
 *
 * @param of one or two results, each in parts, which are all merged. With two, the merged `lse` is not computed.
 */
export function mergeCall(heads: number, of: [Parts] | [Parts, Parts], into: { o: Tensor; lse?: Tensor }): KernelCall {
  const [first, second] = of;
  const [, S, width] = into.o.shape;
  const d = width / heads;
  const size = into.o.elements;
  const last = second ? [second.o, second.lse] : into.lse ? [into.lse] : [];
  return {
    kernel: {
      name: second ? 'merge-attention/sets' : 'merge-attention/parts',
      wgsl: () => fillTemplate(template, { SETS: of.length, SECOND: second !== undefined }),
      wasm: { entry: 'mergeAttention' },
    },
    params: [size, S, heads, d, first.parts, second?.parts ?? 0].map(u32),
    tensors: [first.o, first.lse, into.o, ...last],
    workgroups: flatWorkgroups(size, 64),
    units: size / d,
    cost: size * 4 * (first.parts + (second?.parts ?? 0)),
  };
}
