import template from '../../../shaders/merge-attention.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { KernelCall } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** What attention over one set of keys writes. */
export interface AttentionResults {
  /** [B, S, heads · d]. */
  readonly o: Tensor;
  /** Log-sum-exp of the scores, [B, S, heads]. */
  readonly lse: Tensor;
}

/** Results over several sets of keys, one after another in each tensor. */
interface Parts extends AttentionResults {
  readonly parts: number;
}

/** The most results that one kernel merges: each takes two of the eight storage buffers that every device has. */
const MOST = 3;

/**
 * The kernel that merges attention over sets of keys into attention over all of them.
 *
 * @param of one to three results, each in parts, which are all merged. `lse` is computed of one only.
 */
export function mergeCall(heads: number, of: readonly Parts[], into: { o: Tensor; lse?: Tensor }): KernelCall {
  const [first, ...others] = of;
  const d = into.o.shape[2] / heads;
  const size = into.o.elements;
  const isOne = others.length === 0;
  const counts = Array.from({ length: MOST }, (_, set) => of.at(set)?.parts ?? 0);
  const last = others.flatMap(({ o, lse }) => [o, lse]);
  return {
    kernel: {
      name: isOne ? 'merge-attention/parts' : `merge-attention/sets${of.length}`,
      wgsl: () => fillTemplate(template, { OTHERS: others.length, ONE: isOne }),
      wasm: { entry: 'mergeAttention' },
    },
    params: [size, d, ...counts].map(u32),
    tensors: [first.o, first.lse, into.o, ...(isOne && into.lse ? [into.lse] : last)],
    workgroups: flatWorkgroups(size, 64),
    units: size / d,
    cost: size * 4 * counts.reduce((sum, count) => sum + count, 0),
  };
}
