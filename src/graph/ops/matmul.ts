import type { Planner, ProductTensors } from '../../device/kernel-planner.ts';
import {
  type HalfOperands,
  type MatmulLayout,
  matmulReference,
  type MatmulShape,
  plainProduct,
} from '../../device/matmul-shape.ts';
import type { Graph, TensorCall, Operation } from '../graph.ts';
import { sizeOf, storageOf, type Tensor } from '../tensor.ts';

/** Options of a product of two matrices, or of two stacks of matrices. */
interface MatmulOptions {
  /** `nt`: a [M, K] b [N, K]; `nn`: a [M, K] b [K, N]; `tn`: a [K, M] b [K, N]. */
  layout: MatmulLayout;
  /** Factor of the product, default 1. */
  alpha?: number | undefined;
  /** Added to the product; of the same shape. */
  addend?: Tensor | undefined;
  /** A persistent tensor for the result. Without it the result is an intermediate. */
  into?: Tensor | undefined;
  /** Adds to what `into` holds. */
  accumulate?: boolean;
  /**
   * Records what is needed of b's gradient, given d loss / d y, without forming the gradient. Its result replaces the
   * gradient of b.
   */
  gradientOfB?: ((dy: Tensor) => Tensor | undefined) | undefined;
  /**
   * Operands that may be rounded to 16-bit floats if the run allows it; neither is a gradient. By default tensor b
   * decides ({@link Tensor.mayBeHalf}).
   */
  halves?: HalfOperands | undefined;
  /** Shape of a stack of results, if it is not [n, M, N]. */
  shape?: readonly number[];
  /** Stride of the result's matrices in a padded stack; operands have their own. */
  stride?: number;
}

/** Rows and columns of a tensor seen as a matrix: all dimensions but the last are rows. */
function matrixOf(tensor: Tensor): [rows: number, columns: number] {
  const columns = tensor.shape.at(-1) ?? 1;
  return [columns === 0 ? 0 : sizeOf(tensor.shape) / columns, columns];
}

/**
 * Product of two matrices, y = alpha op(a) op(b) + addend. Leading dimensions of `a` and `b` count as rows:
 * x [B, S, in] times W [out, in] (`nt`) gives [B, S, out].
 */
export function matmul(g: Graph, a: Tensor, b: Tensor, options: MatmulOptions): Tensor {
  const [aRows, aColumns] = matrixOf(a);
  const [bRows, bColumns] = matrixOf(b);
  const { layout } = options;
  const [M, K] = layout === 'tn' ? [aColumns, aRows] : [aRows, aColumns];
  const [N, bK] = layout === 'nt' ? [bRows, bColumns] : [bColumns, bRows];
  if (bK !== K) throw new Error(`matmul ${a.name} × ${b.name}: inner sizes ${K} and ${bK} differ`);
  const shape = layout === 'tn' ? [M, N] : [...a.shape.slice(0, -1), N];
  return recordMatmul(g, a, b, shape, { ...options, M, N, K, batch: 1 });
}

/** Products of stacks a [n, …] and b [n, …], matrix by matrix; a stack of one matrix is shared by all. */
export function batchedMatmul(g: Graph, a: Tensor, b: Tensor, options: MatmulOptions): Tensor {
  const [an, a1, a2] = a.shape;
  const [bn, b1, b2] = b.shape;
  const { layout } = options;
  const [M, K] = layout === 'tn' ? [a2, a1] : [a1, a2];
  const [N, bK] = layout === 'nt' ? [b1, b2] : [b2, b1];
  if (bK !== K) throw new Error(`matmul ${a.name} × ${b.name}: inner sizes ${K} and ${bK} differ`);
  const batch = Math.max(an, bn);
  return recordMatmul(g, a, b, options.shape ?? [batch, M, N], { ...options, M, N, K, batch });
}

/** Consecutive matrices of a stack that are products with evenly spaced matrices of one buffer, as one batched product. */
interface Run {
  readonly first: number;
  readonly count: number;
  /** The matrices, from the first on. */
  readonly b: Tensor;
  readonly strideB: number;
}

/**
 * alpha x_i M_i + addend for every matrix x_i of a stack, each with a square matrix of its own. The result has the layout
 * of x.
 *
 * @param x [n, rows, size].
 * @param matrices n matrices [size, size] in memory of their own; several may be the same.
 * @param options `addend`: of the layout of x.
 */
export function matmulEach(
  g: Graph,
  x: Tensor,
  matrices: readonly Tensor[],
  { alpha = 1, addend }: Pick<MatmulOptions, 'alpha' | 'addend'> = {},
): Tensor {
  const [n, M, size] = x.shape;
  const stride = x.elements / n;
  const runs = (): Run[] => evenlySpaced(matrices);
  const y = g.intermediate(`${x.name} times each`, x.shape, 'f32', x.elements);
  const shapeOf = ({ first, count, strideB }: Run): MatmulShape => ({
    ...plainProduct('nn', M, size, size),
    batch: count,
    batchStrideA: stride,
    batchStrideB: strideB,
    batchStrideC: stride,
    batchStrideD: addend ? stride : 0,
    alpha,
    addend: addend !== undefined,
    window: { offsetA: first * stride, offsetC: first * stride },
  });
  return g.record({
    name: 'matmul each',
    inputs: [x, ...new Set(matrices), ...(addend ? [addend] : [])],
    outputs: [y],
    scratch: (planner) => [
      productScratch(
        runs().map((run) => [shapeOf(run), run.b]),
        planner,
      ),
    ],
    calls: (planner, [scratch]) =>
      runs().flatMap((run) => productCalls(shapeOf(run), { a: x, b: run.b, c: y, d: addend }, scratch, planner)),
    reference: (value) => {
      for (const [i, one] of matrices.entries()) {
        const part = { ...plainProduct('nn', M, size, size), alpha, addend: addend !== undefined };
        const window = { offsetA: i * stride, offsetC: i * stride };
        matmulReference({ ...part, window }, value(x), value(one), value(y) as Float64Array, addend && value(addend));
      }
    },
  });
}

/** Groups matrices in memory into as few runs as possible. */
function evenlySpaced(matrices: readonly Tensor[]): Run[] {
  const runs: Run[] = [];
  for (let first = 0; first < matrices.length;) {
    const begin = storageOf(matrices[first]);
    const distance = (i: number): number | undefined => {
      const storage = i < matrices.length ? storageOf(matrices[i]) : undefined;
      return storage?.buffer === begin.buffer ? storage.offset - begin.offset : undefined;
    };
    const step = distance(first + 1) ?? -1;
    let count = 1;
    if (step >= 0) while (distance(first + count) === count * step) count++;
    const bytes = begin.bytes + (count > 1 ? (count - 1) * step : 0);
    const b = { ...matrices[first], elements: bytes / 4, storage: { ...begin, bytes } };
    runs.push({ first, count, b, strideB: count > 1 ? step / 4 : 0 });
    first += count;
  }
  return runs;
}

/** Stride of the matrices of a stack; 0 shares a single one. */
const strideOf = (stack: Tensor, batch: number): number =>
  batch === 1 || stack.shape[0] === 1 ? 0 : stack.elements / stack.shape[0];

/** Operands that may be rounded in a product with a model parameter; in `nn` the other operand is a gradient. */
const HALVES_BY: Readonly<Record<MatmulLayout, HalfOperands | undefined>> = { nt: 'both', nn: 'b', tn: undefined };

function recordMatmul(
  g: Graph,
  a: Tensor,
  b: Tensor,
  resultShape: readonly number[],
  options: MatmulOptions & { M: number; N: number; K: number; batch: number },
): Tensor {
  const { layout, alpha = 1, into, accumulate = false, M, N, K, batch } = options;
  const halves = options.halves ?? (batch === 1 && b.mayBeHalf ? HALVES_BY[layout] : undefined);
  let addend = options.addend;
  const strideC = into ? into.elements / batch : (options.stride ?? M * N);
  const y = into ?? g.intermediate(`${a.name}·${b.name}`, resultShape, 'f32', batch * strideC);
  const shapeNow = (): MatmulShape => ({
    layout,
    M,
    N,
    K,
    batch,
    batchStrideA: strideOf(a, batch),
    batchStrideB: strideOf(b, batch),
    batchStrideC: strideC,
    batchStrideD: addend ? addend.elements / batch : 0,
    alpha,
    addend: addend !== undefined,
    accumulate,
    halves,
  });
  const inputs = addend ? [a, b, addend] : [a, b];
  const operation: Operation = {
    name: 'matmul',
    inputs,
    outputs: [y],
    ...(into && { effect: true }),
    scratch: (planner) => [productScratch([[shapeNow(), b]], planner)],
    calls: (planner, [scratch]) => productCalls(shapeNow(), { a, b, c: y, d: addend }, scratch, planner),
    reference: (value) =>
      matmulReference(shapeNow(), value(a), value(b), value(y) as Float64Array, addend && value(addend)),
    fuseAddend: (tensor) => {
      if (addend !== undefined || into !== undefined || batch !== 1) return false;
      addend = tensor;
      inputs.push(tensor);
      return true;
    },
  };
  if (batch === 1 && !into) {
    operation.gradient = ([dy], [wantsA, wantsB]) => {
      if (dy === undefined) return [];
      const da = wantsA ? gradientOfA(g, layout, alpha, dy, b, halves) : undefined;
      const ofB = options.gradientOfB ?? ((d: Tensor) => gradientOfB(g, layout, alpha, d, a, halves));
      const db = wantsB ? ofB(dy) : undefined;
      return [da, db, dy];
    };
  }
  return g.record(operation);
}

/** The products that read B: one, or one per part, each part being consecutive rows. */
function productsOf(shape: MatmulShape, b: Tensor): { shape: MatmulShape; b: Tensor }[] {
  const packed = ({ packing, elements }: Tensor): MatmulShape['packedB'] => packing && { packing, elements };
  if (b.parts === undefined) return [{ shape: b.packing ? { ...shape, packedB: packed(b) } : shape, b }];
  const { layout, N, K, window = {} } = shape;
  if (layout === 'tn') throw new Error(`${b.name} is split into parts, which only nt and nn support`);
  let row = 0;
  return b.parts.map((part) => {
    const rows = part.shape[0];
    const first = row;
    row += rows;
    if (layout === 'nt') {
      const place = { rowC: window.rowC ?? N, offsetC: (window.offsetC ?? 0) + first };
      return { shape: { ...shape, packedB: packed(part), N: rows, window: { ...window, ...place } }, b: part };
    }
    const place = { rowA: window.rowA ?? K, offsetA: (window.offsetA ?? 0) + first };
    const rest = first === 0 ? {} : { accumulate: true, addend: false };
    return { shape: { ...shape, packedB: packed(part), ...rest, K: rows, window: { ...window, ...place } }, b: part };
  });
}

/** Floats of scratch memory that suffice for each of some products, which run one after another. */
export const productScratch = (
  products: readonly (readonly [shape: MatmulShape, b: Tensor])[],
  planner: Planner,
): number =>
  products
    .flatMap(([shape, b]) => productsOf(shape, b))
    .reduce((most, { shape }) => Math.max(most, planner.productScratch(shape)), 0);

/** The kernels of a product. B may be packed and split into parts. */
export function productCalls(
  shape: MatmulShape,
  tensors: ProductTensors<Tensor>,
  scratch: Tensor | undefined,
  planner: Planner,
): TensorCall[] {
  return productsOf(shape, tensors.b).flatMap(({ shape, b }) =>
    planner.product(shape, { a: tensors.a, b, c: tensors.c, d: shape.addend ? tensors.d : undefined }, scratch),
  );
}

function gradientOfA(
  g: Graph,
  layout: MatmulLayout,
  alpha: number,
  dy: Tensor,
  b: Tensor,
  halves: HalfOperands | undefined,
): Tensor {
  if (layout === 'tn') return matmul(g, b, dy, { layout: 'nt', alpha });
  return matmul(g, dy, b, { layout: layout === 'nt' ? 'nn' : 'nt', alpha, halves: halves && 'b' });
}

function gradientOfB(
  g: Graph,
  layout: MatmulLayout,
  alpha: number,
  dy: Tensor,
  a: Tensor,
  halves: HalfOperands | undefined,
): Tensor {
  // Round a only if the product rounded it: if only b was rounded, a is a gradient.
  const rounded = halves === 'both' ? 'b' : undefined;
  if (layout === 'nt') return matmul(g, dy, a, { layout: 'tn', alpha, halves: rounded });
  return matmul(g, a, dy, { layout: layout === 'nn' ? 'tn' : 'nn', alpha });
}
