import template from '../../../shaders/relative-bias.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { floatWord } from '../../device/units.ts';
import type { Graph } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/** The table of buckets by relative position, made by {@link bucketTable} of the model. */
export interface BucketLookup {
  /** u32 [n]: entry `distance + offset` is the bucket of distance = key − query. */
  readonly buckets: Tensor;
  readonly offset: number;
  /** u32 [1]: index of the first query. */
  readonly position: Tensor;
}

/** Replaces a bucket: hides the key from the query. */
export const HIDDEN = 0xffffffff;
/** Added to a score, it makes the exponential 0. */
export const HIDING_BIAS = -3e38;
const HIDING = { HIDDEN, NONE: String(HIDING_BIAS) };

/**
 * T5's relative position bias [H, S, S] for tokens that are not in sequence. Has no gradient.
 *
 * @param table [buckets, H].
 * @param buckets u32 [S, S]: the bucket of each query and key, or {@link HIDDEN}.
 */
export function pairwiseBias(g: Graph, table: Tensor, buckets: Tensor): Tensor {
  const [, H] = table.shape;
  const [S] = buckets.shape;
  const bias = g.intermediate('position bias', [H, S, S]);
  return g.record({
    name: 'pairwise bias',
    inputs: [table, buckets],
    outputs: [bias],
    calls: () => [
      {
        kernel: {
          name: 'relative-bias/pairs',
          wgsl: () => fillTemplate(template, { ...HIDING, PAIRS: true }),
          wasm: { entry: 'pairwiseBias', constants: [HIDDEN, floatWord(HIDING_BIAS)] },
        },
        params: [H, S, S, 0].map(u32),
        tensors: [table, buckets, bias],
        workgroups: flatWorkgroups(sizeOf(bias.shape), 64),
        units: H * S,
        cost: H * S * S * 30,
      },
    ],
    reference: (value) =>
      value(bias).forEach((_, at) => {
        const bucket = value(buckets)[at % (S * S)];
        value(bias)[at] = bucket === HIDDEN ? HIDING_BIAS : value(table)[bucket * H + Math.floor(at / (S * S))];
      }),
  });
}

/**
 * T5's relative position bias by distance, [H, Sq + Sk − 1], from its table [buckets, H]. Entry j − i + Sq − 1 belongs to
 * query i and key j; attention reads it in this form, so a bias for every pair is never stored. Has no gradient.
 */
export function relativeBias(g: Graph, table: Tensor, lookup: BucketLookup, Sq: number, Sk: number): Tensor {
  const [, H] = table.shape;
  const distances = Sq + Sk - 1;
  const bias = g.intermediate('position bias', [H, distances]);
  return g.record({
    name: 'relative bias',
    inputs: [table, lookup.buckets, lookup.position],
    outputs: [bias],
    calls: () => [
      {
        kernel: {
          name: 'relative-bias',
          wgsl: () => fillTemplate(template, { ...HIDING, PAIRS: false }),
          wasm: { entry: 'relativeBias' },
        },
        params: [H, Sq, Sk, lookup.offset].map(u32),
        tensors: [table, lookup.buckets, lookup.position, bias],
        workgroups: flatWorkgroups(bias.elements, 64),
        units: H,
        cost: H * distances * 6,
      },
    ],
    reference: (value) => {
      const first = lookup.offset - (Sq - 1) - value(lookup.position)[0];
      for (let at = 0; at < H * distances; at++) {
        const bucket = value(lookup.buckets)[first + (at % distances)];
        value(bias)[at] = value(table)[bucket * H + Math.floor(at / distances)];
      }
    },
  });
}
