import wgsl from '../../../shaders/relative-bias.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/**
 * T5's relative position bias by distance, as attention reads it, so that a bias for every pair is never stored. Has no
 * gradient.
 *
 * @param table [buckets, H].
 * @param buckets u32 [distances]: the bucket of each distance key − query, that of 0 in the middle.
 * @returns [H, distances].
 */
export function relativeBias(g: Graph, table: Tensor, buckets: Tensor): Tensor {
  const [, H] = table.shape;
  const distances = buckets.elements;
  const bias = g.intermediate('position bias', [H, distances]);
  return g.record({
    name: 'relative bias',
    inputs: [table, buckets],
    outputs: [bias],
    calls: () => [
      {
        kernel: { name: 'relative-bias', wgsl: () => wgsl, wasm: { entry: 'relativeBias' } },
        params: [H, distances].map(u32),
        tensors: [table, buckets, bias],
        workgroups: flatWorkgroups(bias.elements, 64),
        units: H,
        cost: bias.elements * 6,
      },
    ],
    reference: (value) => {
      for (let at = 0; at < bias.elements; at++) {
        const bucket = value(buckets)[at % distances];
        value(bias)[at] = value(table)[bucket * H + Math.floor(at / distances)];
      }
    },
  });
}
