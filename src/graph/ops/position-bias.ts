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
const FORMS = { FORWARD: false, GRADIENT: false, DISTANCES: false, PAIRS: false };

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
          wgsl: () => fillTemplate(template, { ...FORMS, ...HIDING, PAIRS: true }),
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

/**
 * T5's relative position bias by distance, [H, Sq + Sk − 1], from its table [buckets, H]. Entry j − i + Sq − 1 belongs to
 * query i and key j; {@link attention} reads it in this form, so a bias for every pair is never stored.
 */
export function relativeBias(g: Graph, table: Tensor, lookup: BucketLookup, Sq: number, Sk: number): Tensor {
  const [buckets, H] = table.shape;
  const distances = Sq + Sk - 1;
  const bias = g.intermediate('position bias', [H, distances]);
  const call = (gradient: boolean, source: Tensor, out: Tensor): KernelCall => ({
    kernel: {
      name: `relative-bias${gradient ? '/gradient' : ''}`,
      wgsl: () => fillTemplate(template, { ...FORMS, ...HIDING, [gradient ? 'GRADIENT' : 'FORWARD']: true }),
      wasm: { entry: gradient ? 'relativeBiasGradient' : 'relativeBias' },
    },
    params: [H, Sq, Sk, buckets, lookup.offset].map(u32),
    tensors: [source, lookup.buckets, lookup.position, out],
    workgroups: flatWorkgroups(out.elements, 64),
    units: H,
    cost: H * distances * 6,
  });
  const each = (value: (t: Tensor) => Numbers, visit: (biasAt: number, tableAt: number) => void): void => {
    const first = lookup.offset - (Sq - 1) - value(lookup.position)[0];
    for (let at = 0; at < H * distances; at++) {
      visit(at, value(lookup.buckets)[first + (at % distances)] * H + Math.floor(at / distances));
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

/** Sums of x [H, Sq, Sk] over pairs at the same distance: the gradient [H, Sq + Sk − 1] of a bias by distance. */
export function sumOverDistances(g: Graph, x: Tensor): Tensor {
  const [H, Sq, Sk] = x.shape;
  const distances = Sq + Sk - 1;
  const sums = g.intermediate('d bias by distance', [H, distances]);
  return g.record({
    name: 'sum over distances',
    inputs: [x],
    outputs: [sums],
    calls: () => [
      {
        kernel: {
          name: 'relative-bias/distances',
          wgsl: () => fillTemplate(template, { ...FORMS, ...HIDING, DISTANCES: true }),
          wasm: { entry: 'sumOverDistances' },
        },
        params: [H, Sq, Sk, 0, 0].map(u32),
        tensors: [x, sums],
        workgroups: flatWorkgroups(sums.elements, 64),
        units: H,
        cost: x.elements * 16,
      },
    ],
    reference: (value) => {
      value(sums).fill(0);
      value(x).forEach((slope, at) => {
        const [h, i, j] = [Math.floor(at / (Sq * Sk)), Math.floor(at / Sk) % Sq, at % Sk];
        value(sums)[h * distances + j - i + Sq - 1] += slope;
      });
    },
  });
}
