import template from '../../../shaders/low-rank.wgsl?raw';
import type { Planner } from '../../device/kernel-planner.ts';
import { f32, flatWorkgroups, type Param, u32 } from '../../device/kernel.ts';
import {
  type MatmulLayout,
  matmulReference,
  type MatmulShape,
  plainProduct,
  productOperations,
} from '../../device/matmul-shape.ts';
import { fillTemplate, type TemplateValue } from '../../device/template.ts';
import type { Graph, TensorCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import { type Drop, dropoutCall, isDropped } from './elementwise.ts';
import { productCalls, productScratch } from './matmul.ts';

/** Two matrices of low rank r, as of an adapter: A [r, in] and B [out, r], or B [r, out]. */
interface LowRankPair {
  readonly A: Tensor;
  readonly B: Tensor;
}

/** The inputs of {@link lowRank}. */
interface LowRankInputs {
  /** [..., in]. */
  readonly x: Tensor;
  /** [..., out]: what the pairs add to. */
  readonly y: Tensor;
  /** One or two pairs; only the last one may be trained. */
  readonly pairs: readonly LowRankPair[];
  readonly alpha: number;
  /** The mask of x for the pairs; undefined for none. */
  readonly drop?: Drop | undefined;
  /** Whether B is stored [r, out]; then it has no gradient. */
  readonly isAcross?: boolean;
}

/** Sizes of a call, of R for each pair. */
interface Sizes {
  readonly M: number;
  readonly K: number;
  readonly N: number;
  readonly ranks: readonly number[];
}

function sizesOf({ x, y, pairs }: LowRankInputs): Sizes {
  const [K, N] = [x.shape.at(-1) ?? 1, y.shape.at(-1) ?? 1];
  return { M: sizeOf(x.shape) / K, K, N, ranks: pairs.map(({ A }) => A.shape[0]) };
}

/**
 * y + alpha Σ (d(x) Aᵀ) Bᵀ over pairs. A graphics card computes it with two kernels, and all gradients with three; other
 * devices compute it as products.
 *
 * @returns the sum [..., out], and d(x) Aᵀ [..., r] of the last pair.
 */
export function lowRank(g: Graph, at: LowRankInputs): { sum: Tensor; h: Tensor } {
  const { x, y, pairs, alpha, isAcross = false } = at;
  const drop = at.drop?.rate === 0 ? undefined : at.drop;
  const { M, K, N, ranks } = sizesOf(at);
  const sum = g.intermediate(`${y.name} with pairs`, y.shape);
  const h = g.intermediate(`${x.name} in low rank`, [...x.shape.slice(0, -1), ranks.at(-1) ?? 0]);
  const kept = drop ? g.intermediate(`dropout(${x.name})`, x.shape) : x;
  const steps = drop ? [drop.step] : [];
  const shapes = {
    down: ranks.map((r) => plainProduct('nt', M, r, K)),
    up: ranks.map((r, i) => ofSum({ ...plainProduct(isAcross ? 'nn' : 'nt', M, N, r), alpha }, i, true)),
  };
  const innerOf = (others: readonly (Tensor | undefined)[]): Tensor[] => [...others.filter((t) => t !== undefined), h];
  g.record({
    name: 'low rank',
    inputs: [x, y, ...pairs.flatMap(({ A, B }) => [A, B]), ...steps],
    outputs: [sum, h, ...(drop ? [kept] : [])],
    scratch: (planner) => [
      ranks.length > 1 ? M * ranks[0] : 0,
      planner.sharesRows ? 0 : scratchOf([...shapes.down, ...shapes.up], pairs, planner),
    ],
    calls: (planner, [other, scratch]) => {
      const inner = innerOf([other]);
      const factors = (of: 'A' | 'B') => pairs.map((pair, i) => ({ F: pair[of], H: inner[i] }));
      if (planner.sharesRows) {
        return [
          downCall({ M, N: K, ranks, alpha: 1 }, x, factors('A'), { isAcross: false, ...(drop && { drop, kept }) }),
          upCall({ M, N, ranks, alpha }, factors('B'), sum, { isAcross, addend: y }),
        ];
      }
      return [
        ...(drop ? [dropoutCall(x, drop, kept)] : []),
        ...shapes.down.flatMap((shape, i) =>
          productCalls(shape, { a: kept, b: pairs[i].A, c: inner[i] }, scratch, planner),
        ),
        ...shapes.up.flatMap((shape, i) =>
          productCalls(shape, { a: inner[i], b: pairs[i].B, c: sum, d: y }, scratch, planner),
        ),
      ];
    },
    reference: (value) => {
      if (drop) dropped(value(x), drop, value(drop.step)[0], value(kept));
      for (const [i, { A, B }] of pairs.entries()) {
        const inner = i < pairs.length - 1 ? new Float64Array(M * ranks[i]) : (value(h) as Float64Array);
        matmulReference(shapes.down[i], value(kept), value(A), inner);
        matmulReference(shapes.up[i], inner, value(B), value(sum) as Float64Array, value(y));
      }
    },
    gradient: ([dsum, dh], [wantsX, , ...wanted]) => {
      if (dh !== undefined) throw new Error('the inner values of a low-rank pair have no gradient');
      if (dsum === undefined) return [];
      const [wantsA, wantsB] = wanted.slice(2 * pairs.length - 2);
      if (wanted.slice(0, 2 * pairs.length - 2).some(Boolean) || (wantsB && isAcross)) {
        throw new Error('only the last pair of low rank has a gradient, and B only as [out, r]');
      }
      const { dx, dA, dB } = recordGradient(g, { ...at, drop }, { dsum, h, kept }, { wantsX, wantsA, wantsB });
      const none = pairs.slice(1).flatMap(() => [undefined, undefined]);
      return [dx, dsum, ...none, dA, dB];
    },
  });
  return { sum, h };
}

/** The product of a pair that begins a sum, with or without an addend, or adds to it. */
const ofSum = (shape: MatmulShape, i: number, addend: boolean): MatmulShape => ({
  ...shape,
  addend: i === 0 && addend,
  accumulate: i > 0,
});

const scratchOf = (shapes: readonly MatmulShape[], pairs: readonly LowRankPair[], planner: Planner): number =>
  productScratch(
    shapes.map((shape) => [shape, pairs[0].A]),
    planner,
  );

function dropped(x: Numbers, { salt, rate }: Drop, step: number, y: Numbers): void {
  for (let i = 0; i < y.length; i++) y[i] = isDropped(step, salt, i, rate) ? 0 : x[i] / (1 - rate);
}

/** Records the gradients that are wanted, of x and of the last pair. */
function recordGradient(
  g: Graph,
  at: LowRankInputs,
  { dsum, h, kept }: Record<'dsum' | 'h' | 'kept', Tensor>,
  wants: Record<'wantsX' | 'wantsA' | 'wantsB', boolean>,
): { dx?: Tensor | undefined; dA?: Tensor | undefined; dB?: Tensor | undefined } {
  const { x, pairs, alpha, drop, isAcross = false } = at;
  const { M, K, N, ranks } = sizesOf(at);
  const { A, B } = pairs[pairs.length - 1];
  const r = ranks[ranks.length - 1];
  const dx = wants.wantsX ? g.intermediate(`d ${x.name}`, x.shape) : undefined;
  const dA = wants.wantsA ? g.intermediate(`d ${A.name}`, A.shape) : undefined;
  const dB = wants.wantsB ? g.intermediate(`d ${B.name}`, B.shape) : undefined;
  const outputs = [dx, dA, dB].filter((tensor) => tensor !== undefined);
  if (outputs.length === 0) return {};
  let addend: Tensor | undefined;
  const layout: MatmulLayout = isAcross ? 'nt' : 'nn';
  const down = ranks.map((rank) => ({ ...plainProduct(layout, M, rank, N), alpha }));
  const upOf = (i: number): MatmulShape =>
    ofSum(plainProduct('nn', M, K, ranks[i]), i, addend !== undefined && drop === undefined);
  const ofA = plainProduct('tn', r, K, M);
  const ofB = { ...plainProduct('tn', N, r, M), alpha };
  /** The gradients of the inner values that something needs: of all pairs for x, of the last one for A. */
  const needed = dx ? ranks : dA ? [r] : [];
  const inputs = [dsum, h, kept, ...pairs.flatMap(({ A, B }) => [A, B]), ...(drop ? [drop.step] : [])];
  g.record({
    name: 'low rank gradient',
    inputs,
    outputs,
    scratch: (planner) => [
      ...needed.map((rank) => M * rank),
      dx && drop && !planner.sharesRows ? M * K : 0,
      planner.sharesRows ? 0 : scratchOf([...down, ...ranks.map((_, i) => upOf(i)), ofA, ofB], pairs, planner),
    ],
    calls: (planner, pieces) => {
      const inner = pieces.slice(0, needed.length).map((piece) => piece as Tensor);
      const [masked, scratch] = pieces.slice(needed.length);
      const used = pairs.slice(pairs.length - needed.length);
      const last = inner.at(-1);
      if (planner.sharesRows) {
        const sizes = { M, ranks: needed };
        const ofB = dB && { P: dsum, Q: h, G: dB, columns: N, rank: r, across: r, along: 1, beta: alpha };
        const ofA = dA && last && { P: kept, Q: last, G: dA, columns: K, rank: r, across: 1, along: K, beta: 1 };
        const downs = used.map((pair, i) => ({ F: pair.B, H: inner[i] }));
        const ups = used.map((pair, i) => ({ F: pair.A, H: inner[i] }));
        return [
          needed.length > 0
            ? downCall({ ...sizes, N, alpha }, dsum, downs, { isAcross: !isAcross, gradient: ofB })
            : ofB && gradientCall(M, ofB),
          dx && upCall({ ...sizes, N: K, alpha: 1 }, ups, dx, { isAcross: true, addend, drop }),
          ofA && gradientCall(M, ofA),
        ].filter((call) => call !== undefined);
      }
      const sum = masked ?? dx;
      const skipped = pairs.length - needed.length;
      return [
        ...used.flatMap((pair, i) =>
          productCalls(down[skipped + i], { a: dsum, b: pair.B, c: inner[i] }, scratch, planner),
        ),
        ...(sum
          ? used.flatMap((pair, i) =>
              productCalls(upOf(i), { a: inner[i], b: pair.A, c: sum, d: addend }, scratch, planner),
            )
          : []),
        ...(dx && drop && sum ? [dropoutCall(sum, drop, dx, addend)] : []),
        ...(dA && last ? productCalls(ofA, { a: last, b: kept, c: dA }, scratch, planner) : []),
        ...(dB ? productCalls(ofB, { a: dsum, b: h, c: dB }, scratch, planner) : []),
      ];
    },
    reference: (value) => {
      const result = (tensor: Tensor): Float64Array => value(tensor) as Float64Array;
      const inner = pairs.map((pair, i) => {
        const dh = new Float64Array(M * ranks[i]);
        matmulReference(down[i], value(dsum), value(pair.B), dh);
        return dh;
      });
      if (dx) {
        const sum = new Float64Array(M * K);
        pairs.forEach((pair, i) =>
          matmulReference(ofSum(plainProduct('nn', M, K, ranks[i]), i, false), inner[i], value(pair.A), sum),
        );
        if (drop) dropped(sum, drop, value(drop.step)[0], value(dx));
        else result(dx).set(sum);
        if (addend) value(addend).forEach((more, i) => (result(dx)[i] += more));
      }
      if (dA) matmulReference(ofA, inner[inner.length - 1], value(kept), result(dA));
      if (dB) matmulReference(ofB, value(dsum), value(h), result(dB));
    },
    fuseAddend: (tensor) => {
      if (addend !== undefined || dx === undefined) return false;
      addend = tensor;
      inputs.push(tensor);
      return true;
    },
  });
  return { dx, dA, dB };
}

/** A pair's matrix and inner values, as read or written by a kernel. */
interface Factor {
  readonly F: Tensor;
  readonly H: Tensor;
}

interface CallSizes {
  readonly M: number;
  /** Columns of X or C. */
  readonly N: number;
  readonly ranks: readonly number[];
  readonly alpha: number;
}

const FORMS = { DOWN: false, UP: false, GRAD: false, ADDEND: false, DROP: false, ACROSS: false, SCALAR: true };

/** G = beta Pᵀ Q [columns, rank], stored by strides. */
interface GradientProduct {
  readonly P: Tensor;
  readonly Q: Tensor;
  readonly G: Tensor;
  readonly columns: number;
  readonly rank: number;
  readonly across: number;
  readonly along: number;
  readonly beta: number;
}

/** Workgroups of a gradient in the grid of a kernel. */
const groupsOf = (gradient: GradientProduct | undefined): number => Math.ceil((gradient?.columns ?? 0) / 8);

function paramsOf(
  { M, N, ranks: [first, second = 0], alpha }: CallSizes,
  drop: Drop | undefined,
  gradient?: GradientProduct,
): Param[] {
  const { columns = 0, rank = 0, across = 0, along = 0, beta = 0 } = gradient ?? {};
  return [
    ...[u32(M), u32(N), f32(alpha), u32(first), u32(second), u32(drop?.salt ?? 0), f32(drop?.rate ?? 0)],
    ...[...[columns, rank, across, along].map(u32), f32(beta)],
  ];
}

const operationsOf = ({ M, N, ranks }: CallSizes): number =>
  ranks.reduce((sum, rank) => sum + productOperations(plainProduct('nn', M, N, rank)), 0);

/** Rows of a workgroup: fewer where there would be few workgroups. */
const FEW_ROWS = 1024;

function downCall(
  sizes: CallSizes,
  x: Tensor,
  factors: readonly Factor[],
  {
    isAcross,
    drop,
    kept,
    gradient,
  }: { isAcross: boolean; drop?: Drop; kept?: Tensor; gradient?: GradientProduct | undefined },
): TensorCall {
  const { M, N } = sizes;
  const rows = M >= FEW_ROWS ? 4 : M >= FEW_ROWS / 2 ? 2 : 1;
  const isVector = N % 4 === 0;
  const values: Record<string, TemplateValue> = {
    ...FORMS,
    DOWN: true,
    DROP: drop !== undefined,
    ACROSS: isAcross,
    PAIRS: factors.length,
    ROWS: rows,
    LANES: 64 / rows,
    STEP: isVector ? 4 : 1,
    SCALAR: !isVector,
    T: isVector ? 'vec4f' : 'f32',
    F: isVector && !isAcross ? 'vec4f' : 'f32',
    GRAD: gradient !== undefined,
    GRAD_BINDING: 2 * factors.length + 2,
  };
  return {
    kernel: { name: `low-rank/down-${rows}`, wgsl: () => fillTemplate(template, values) },
    params: paramsOf(sizes, drop, gradient),
    tensors: [
      ...[x, ...factors.flatMap(({ F, H }) => [F, H])],
      ...(drop && kept ? [drop.step, kept] : []),
      ...(gradient ? [gradient.Q, gradient.G] : []),
    ],
    workgroups: flatWorkgroups(groupsOf(gradient) + Math.ceil(M / rows), 1),
    cost: operationsOf(sizes) + (gradient ? operationsOfGradient(M, gradient) : 0),
  };
}

function upCall(
  sizes: CallSizes,
  factors: readonly Factor[],
  into: Tensor,
  { isAcross, drop, addend }: { isAcross: boolean; drop?: Drop | undefined; addend?: Tensor | undefined },
): TensorCall {
  const { M, N } = sizes;
  const hasDrop = drop !== undefined;
  const values: Record<string, TemplateValue> = {
    ...FORMS,
    UP: true,
    DROP: hasDrop,
    ACROSS: isAcross,
    PAIRS: factors.length,
    ADDEND: addend !== undefined,
    ADDEND_BINDING: 2 * factors.length + (hasDrop ? 3 : 2),
  };
  return {
    kernel: { name: 'low-rank/up', wgsl: () => fillTemplate(template, values) },
    params: paramsOf(sizes, drop),
    tensors: [
      ...[into, ...factors.flatMap(({ F, H }) => [F, H])],
      ...(drop ? [drop.step] : []),
      ...(addend ? [addend] : []),
    ],
    workgroups: [Math.ceil(N / 64), Math.ceil(M / 16), 1],
    cost: operationsOf(sizes),
  };
}

const operationsOfGradient = (M: number, { columns, rank }: GradientProduct): number =>
  productOperations(plainProduct('tn', columns, rank, M));

function gradientCall(M: number, gradient: GradientProduct): TensorCall {
  return {
    kernel: {
      name: 'low-rank/gradient',
      wgsl: () => fillTemplate(template, { ...FORMS, GRAD: true, GRAD_BINDING: 2 }),
    },
    params: paramsOf({ M, N: 0, ranks: [0], alpha: 0 }, undefined, gradient),
    tensors: [gradient.P, gradient.Q, gradient.G],
    workgroups: flatWorkgroups(groupsOf(gradient), 1),
    cost: operationsOfGradient(M, gradient),
  };
}
