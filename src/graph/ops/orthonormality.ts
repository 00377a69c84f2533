import text from '../../../shaders/orthonormality.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { workgroupTree } from '../../device/tree.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { batchedMatmul } from './matmul.ts';

/** The value that stands for NaN. */
const LARGEST = 3.4e38;

/**
 * ‖SᵀS − I‖max of every matrix of a stack: how far its columns are from orthonormal. Columns of zeros, which pad
 * narrower matrices, do not count.
 *
 * @param S [n, dimension, k].
 * @param into [≥ n].
 */
export function orthonormality(g: Graph, S: Tensor, into: Tensor): void {
  const gram = batchedMatmul(g, S, S, { layout: 'tn' }); // [n, k, k]
  const [count, k] = gram.shape;
  g.record({
    name: 'orthonormality',
    inputs: [gram],
    outputs: [into],
    effect: true,
    calls: () => [
      {
        kernel: {
          name: 'orthonormality',
          wgsl: () => workgroupTree({ name: 'largestOf', type: 'f32', threads: 64, combine: 'max(a, b)' }) + text,
          wasm: { entry: 'orthonormality' },
        },
        params: [u32(count), u32(k)],
        tensors: [gram, into],
        workgroups: flatWorkgroups(count, 1),
        units: count,
        cost: count * k * k * 75,
      },
    ],
    reference: (value) => {
      for (let n = 0; n < count; n++) {
        const one = value(gram).subarray(n * k * k, (n + 1) * k * k);
        const errors = Array.from(one, (x, at) => {
          const error = Math.abs(x - (at % (k + 1) === 0 && x !== 0 ? 1 : 0));
          return error < LARGEST ? error : LARGEST;
        });
        value(into)[n] = Math.max(...errors);
      }
    },
  });
}
