import template from '../../../shaders/relative-bias.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { floatWord } from '../../device/units.ts';
import type { Graph, KernelCall, Numbers } from '../graph.ts';
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
          wgsl: () => fillTemplate(template, { GRADIENT: false, PAIRS: true, ...HIDING }),
          wasm: { entry: 'pairwiseBias', constants: [HIDDEN, floatWord(HIDING_BIAS)] },
        },
        params: [H, S, S, 0, 0].map(u32),
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

/** T5's relative position bias [H, Sq, Sk] from its table [buckets, H]. */
export function relativeBias(g: Graph, table: Tensor, lookup: BucketLookup, Sq: number, Sk: number): Tensor {
  const [buckets, H] = table.shape;
  const bias = g.intermediate('position bias', [H, Sq, Sk]);
  const call = (gradient: boolean, source: Tensor, out: Tensor): KernelCall => ({
    kernel: {
      name: `relative-bias${gradient ? '/gradient' : ''}`,
      wgsl: () => fillTemplate(template, { GRADIENT: gradient, PAIRS: false, ...HIDING }),
      wasm: { entry: gradient ? 'relativeBiasGradient' : 'relativeBias' },
    },
    params: [H, Sq, Sk, buckets, lookup.offset].map(u32),
    tensors: [source, lookup.buckets, lookup.position, out],
    workgroups: flatWorkgroups(sizeOf(out.shape), 64),
    units: gradient ? H : H * Sq,
    cost: H * Sq * Sk * (gradient ? 22 : 6),
  });
  const each = (value: (t: Tensor) => Numbers, visit: (biasAt: number, tableAt: number) => void): void => {
    for (let h = 0; h < H; h++)
      for (let i = 0; i < Sq; i++)
        for (let j = 0; j < Sk; j++) {
          const bucket = value(lookup.buckets)[j + lookup.offset - i - value(lookup.position)[0]];
          visit((h * Sq + i) * Sk + j, bucket * H + h);
        }
  };
  return g.record({
    name: 'relative bias',
    inputs: [table, lookup.buckets, lookup.position],
    outputs: [bias],
    calls: () => [call(false, table, bias)],
    reference: (value) => each(value, (biasAt, tableAt) => (value(bias)[biasAt] = value(table)[tableAt])),
    gradient: ([dbias]) => {
      if (dbias === undefined) return [];
      const dtable = g.intermediate(`d ${table.name}`, table.shape);
      g.record({
        name: 'relative bias gradient',
        inputs: [dbias, lookup.buckets, lookup.position],
        outputs: [dtable],
        calls: () => [call(true, dbias, dtable)],
        reference: (value) => {
          value(dtable).fill(0);
          each(value, (biasAt, tableAt) => (value(dtable)[tableAt] += value(dbias)[biasAt]));
        },
      });
      return [dtable];
    },
  });
}
