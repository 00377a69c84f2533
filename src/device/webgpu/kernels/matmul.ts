import template from '../../../../shaders/matmul.wgsl?raw';
import type { ProductTensors } from '../../kernel-planner.ts';
import { type KernelCall, type KernelPlan, planReduction } from '../../kernel.ts';
import { canUseVectors, type MatmulShape, windowOf } from '../../matmul-shape.ts';
import { fillTemplate } from '../../template.ts';
import { type AdapterTraits, productParams, productShader } from './product-shader.ts';

/** How a product is divided among threads and workgroups. */
interface MatmulTile {
  /** Rows and columns of C per thread. */
  readonly tm: number;
  readonly tn: number;
  /** Threads of a workgroup in x (columns) and y (rows). */
  readonly wx: number;
  readonly wy: number;
  /** Parts of K summed separately. */
  readonly splits: number;
}

/** Side of the register tile of large products: 4 compiles quickly, 8 suits most devices. */
type LargeTile = 4 | 8;

const tiles = (size: number, tile: number, threads: number): number => Math.ceil(size / (tile * threads));

// Workgroups that a product should have at least. A CPU needs only enough for its cores: more of them add partial sums
// and save nothing. A card has up to 132 cores, and each needs several to hide the latency of memory.
const LEAST_WORKGROUPS = { software: 16, hardware: 256 };
// Shortest part of K. Adding the sums of shorter parts costs more than their threads save.
const LEAST_PART = { software: 128, hardware: 64 };

/**
 * How many parts K is split into, so that enough workgroups run where `groups` would be too few. No part is shorter
 * than `leastPart`. This is a rule and not measured, since memory for partial sums is planned before anything runs; a
 * few workgroups too many cost little.
 */
export function splitsOf(
  { K, accumulate }: MatmulShape,
  { isSoftware }: AdapterTraits,
  groups: number,
  leastPart: number,
): number {
  const most = Math.max(1, Math.floor(K / leastPart));
  if (!isSoftware) return Math.min(Math.ceil(LEAST_WORKGROUPS.hardware / groups), most);
  return accumulate ? 1 : Math.max(1, Math.min(Math.floor(LEAST_WORKGROUPS.software / groups), most));
}

/**
 * The tile of a product: large if many threads have enough to do, otherwise small, with K split.
 *
 * @param largeTile side of the tile for large products.
 */
export function chooseTile(shape: MatmulShape, traits: AdapterTraits, largeTile: LargeTile = 8): MatmulTile {
  const { M, N, batch } = shape;
  const [rows, columns] = [M >= 8 * 8 ? 8 : 4, N >= 8 * 4 ? 8 : 4];
  const [tm, tn] = largeTile === 4 ? [4, 4] : [rows, columns];
  const [wx, wy] = N <= 8 ? [1, 32] : M <= 8 ? [32, 1] : [4, 8];
  // The shape alone decides how K is split, so that every tile needs the same scratch memory.
  const groups = batch * tiles(M, rows, wy) * tiles(N, columns, wx);
  const splits = splitsOf(shape, traits, groups, LEAST_PART[traits.isSoftware ? 'software' : 'hardware']);
  return { tm, tn, wx, wy, splits };
}

export interface MatmulPlan extends KernelPlan {
  /** Adds the partial sums [batch · splits, M, N], `partialSize` floats. Present if K is split. */
  readonly reduce?: KernelPlan & { readonly partialSize: number };
}

/** The kernels of a product in their order. @param partial memory for partial sums. */
export function stepsOf<T>(
  { reduce, ...product }: MatmulPlan,
  { a, b, c, d }: ProductTensors<T>,
  partial: T | undefined,
): KernelCall<T>[] {
  const rest = d === undefined ? [] : [d];
  if (reduce === undefined) return [{ ...product, tensors: [a, b, c, ...rest] }];
  if (partial === undefined) throw new Error(`${product.kernel.name}: there is no memory for partial sums`);
  return [
    { ...product, tensors: [a, b, partial] },
    { ...reduce, tensors: [partial, c, ...rest] },
  ];
}

/**
 * The kernels of a product. Bindings: A, B, C, then D. If K is split, the first kernel writes partial sums instead of C,
 * and its reduction binds partial sums, C, D.
 */
export function planMatmul(shape: MatmulShape, tile: MatmulTile): MatmulPlan {
  const { layout, M, N, packedB } = shape;
  const vec = canUseVectors(shape);
  const [rowA, rowB] = vec ? ['(p.rowA / 4u)', '(p.rowB / 4u)'] : ['p.rowA', 'p.rowB'];
  const kernel = {
    name: `matmul/${layout}-${tile.tm}x${tile.tn}${vec ? '' : '-scalar'}${packedB ? `-${packedB.packing}` : ''}`,
    wgsl: (sums: MatmulShape) =>
      productShader(sums, { vec }) +
      fillTemplate(template, {
        VEC: vec,
        FOURS: vec && layout !== 'nt',
        NN_VEC: vec && layout === 'nn',
        TN_VEC: vec && layout === 'tn',
        ...(layout === 'tn' ? { LINE_A: '1u', NEXT_A: rowA } : { LINE_A: rowA, NEXT_A: '1u' }),
        ...(layout === 'nt' ? { LINE_B: rowB, NEXT_B: '1u' } : { LINE_B: '1u', NEXT_B: rowB }),
        STEP: vec ? 4 : 1,
        TM: tile.tm,
        TN: tile.tn,
        TM4: tile.tm / 4,
        TN4: tile.tn / 4,
        WX: tile.wx,
        WY: tile.wy,
      }),
  };
  const groups = [tiles(N, tile.tn, tile.wx), tiles(M, tile.tm, tile.wy)] as const;
  return splitProduct(shape, kernel, groups, tile.splits);
}

/**
 * The plan of a kernel that computes each part of K by `groups` of workgroups, and of its reduction.
 *
 * @param kernel its `wgsl` gets what the kernel computes: the product, or the sums of its parts, [batch · splits, M, N].
 */
export function splitProduct(
  shape: MatmulShape,
  { name, wgsl }: { readonly name: string; readonly wgsl: (sums: MatmulShape) => string },
  groups: readonly [columns: number, rows: number],
  splits: number,
): MatmulPlan {
  const { M, N, batch, addend, accumulate, batchStrideC: batchC, batchStrideD: batchD } = shape;
  const apart = { batchStrideC: M * N, window: { ...shape.window, rowC: N, offsetC: 0 } };
  const sums = splits > 1 ? { ...shape, ...apart, addend: false, accumulate: false } : shape;
  const kernel = { name, wgsl: () => wgsl(sums) };
  const plan = { kernel, params: productParams(sums, splits), workgroups: [...groups, batch * splits] as const };
  if (splits === 1) return plan;
  const { rowC, offsetC } = windowOf(shape);
  const reduction = { splits, batch, M, N, batchC, batchD, rowC, offsetC, addend, accumulate };
  return { ...plan, reduce: { ...planReduction(reduction), partialSize: batch * splits * M * N } };
}
