import {
  type AttentionForm,
  attentionOperations,
  type AttentionPlan,
  type AttentionShape,
  type Planner,
  type ProductTensors,
} from '../kernel-planner.ts';
import { f32, type Kernel, type KernelCall, type KernelPlan, u32 } from '../kernel.ts';
import { type MatmulShape, productOperations, windowOf } from '../matmul-shape.ts';
import { valueWords } from '../packing.ts';

/** Plans with the one kernel for all products and those of attention, which have their own scratch memory. */
export class WasmPlanner implements Planner {
  readonly sharesRows = false;

  productScratch(): number {
    return 0;
  }

  product<T>(shape: MatmulShape, { a, b, c, d }: ProductTensors<T>): KernelCall<T>[] {
    return [{ ...planProduct(shape), tensors: d === undefined ? [a, b, c] : [a, b, c, d] }];
  }

  attentionParts(): number {
    return 1;
  }

  attention(form: AttentionForm, shape: AttentionShape): AttentionPlan {
    return { ...planWasmAttention(form, shape), parts: 1 };
  }
}

/** Bits of the constant `flags` in `kernels/attention.ts`. */
const ATTENTION_FLAGS = { bias: 1, causal: 2, window: 4, position: 8 };
const ENTRIES = { FORWARD: 'attention', GRAD_Q: 'attentionGradQ', GRAD_KV: 'attentionGradKv' } as const;
/** Queries, or keys, of a unit: few keys, since all rows read those of a beginning. */
const PART = { FORWARD: 36, GRAD_Q: 36, GRAD_KV: 32 } as const;

/**
 * The kernel of an attention or of one of its gradients. Tensors as in `shaders/attention-inputs.wgsl`. Units are heads
 * of a part of a span.
 */
function planWasmAttention(form: AttentionForm, shape: AttentionShape): KernelPlan {
  const { N, M, H, Hk, d, scale, causal, window, spans, distances, position } = shape;
  const flags =
    (distances > 0 ? ATTENTION_FLAGS.bias : 0) |
    (causal ? ATTENTION_FLAGS.causal : 0) |
    (window !== null ? ATTENTION_FLAGS.window : 0) |
    (position ? ATTENTION_FLAGS.position : 0);
  const entry = ENTRIES[form];
  const [rows, heads] = form === 'GRAD_KV' ? [M, Hk] : [N, H];
  // Every span may have a part that is not whole.
  const parts = Math.floor(rows / PART[form]) + spans;
  return {
    kernel: { name: entry, wasm: { entry, constants: [flags] } },
    params: [...[parts, PART[form], spans, N, H, Hk, d].map(u32), f32(scale), ...[window ?? 0, distances].map(u32)],
    units: heads * parts,
    cost: attentionOperations(form, shape),
  };
}

/** The one kernel of all products. Its tensors are A, B, C and, if there is an addend, D. */
const MATMUL: Kernel = { name: 'matmul', wasm: { entry: 'matmul' } };

/** Bits of the word `FLAGS` in `kernels/matmul.ts`. */
const FLAGS = { rowsAcross: 1, columnsAcross: 2, inPlace: 4, dots: 8, swapped: 16, addend: 32, accumulate: 64 };
/** Numbers of packings in `kernels/unpack.ts`; 0 is f32. */
const PACKINGS = { f16: 1, bf16: 2, int8: 3, int4: 4, uint4: 5 } as const;

// Up to this many rows, [K, columns] is read in place, since panels take as long as a few rows.
const FEW_ROWS = 24;
// Below this many columns, reordering the rows takes longer than writing C transposed.
const FEW_COLUMNS = 48;
// Up to this many columns use inner products, as in decoding one token at a time.
const DOT_COLUMNS = 3;
// Operations worth waking a thread, and most units of a product.
const UNIT_COST = 2e6;
const MAX_UNITS = 64;
// Blocks are multiples of the register tiles: of 5 and of 6 rows, and of 8 columns.
const ROW_STEP = 30;
const COLUMN_STEP = 8;
const LEAST_ROWS = 60;
const LEAST_COLUMNS = 64;

/**
 * Plans a product for the WebAssembly kernel: which operand gives the rows of the computation (it is read in place, so
 * better the larger one), whether the other is copied into panels, and which blocks of C threads may compute
 * independently.
 */
export function planProduct(shape: MatmulShape): KernelPlan & { readonly units: number } {
  const { M, N, K, batch, batchStrideA, batchStrideB, batchStrideC, batchStrideD, alpha, packedB } = shape;
  const { layout, addend, accumulate } = shape;
  const { rowA, rowB, offsetA, offsetB, rowC, offsetC } = windowOf(shape);
  const swapped = isSwapped(shape);
  const a = { size: M, row: rowA, offset: offsetA, batchStride: batchStrideA };
  const b = { size: N, row: rowB, offset: offsetB, batchStride: batchStrideB };
  const [rows, columns] = swapped ? [b, a] : [a, b];
  const [unitRows, unitColumns] = unitOf(rows.size, columns.size, K, batch);
  const dots = layout === 'nt' && swapped && columns.size <= DOT_COLUMNS;
  const inPlace = layout !== 'nt' && rows.size <= FEW_ROWS && packedB === undefined;
  const flags =
    (layout === 'tn' ? FLAGS.rowsAcross : 0) |
    (layout === 'nt' ? FLAGS.columnsAcross : 0) |
    (inPlace ? FLAGS.inPlace : 0) |
    (dots ? FLAGS.dots : 0) |
    (swapped ? FLAGS.swapped : 0) |
    (addend ? FLAGS.addend : 0) |
    (accumulate ? FLAGS.accumulate : 0);
  const packing = packedB ? PACKINGS[packedB.packing] : 0;
  const packedWords = packedB ? valueWords(packedB.packing, packedB.elements) : 0;
  return {
    kernel: MATMUL,
    // In the order of `kernels/matmul.ts`.
    params: [
      u32(rows.size),
      u32(columns.size),
      u32(K),
      u32(unitRows),
      u32(unitColumns),
      u32(rows.row),
      u32(columns.row),
      u32(rows.offset),
      u32(columns.offset),
      u32(rows.batchStride),
      u32(columns.batchStride),
      u32(rowC),
      u32(offsetC),
      u32(batchStrideC),
      u32(batchStrideD),
      u32(packing),
      u32(packedWords),
      f32(alpha),
      u32(flags),
    ],
    units: batch * Math.ceil(rows.size / unitRows) * Math.ceil(columns.size / unitColumns),
    cost: productOperations(shape),
  };
}

/** Whether B gives the rows, so that C is written transposed. */
function isSwapped({ layout, M, N, K, packedB }: MatmulShape): boolean {
  if (layout === 'nt') return M <= DOT_COLUMNS || (M < FEW_COLUMNS && M < N && K >= 2 * M);
  // Transposing A would pay for few columns only; as panels it is read almost in place.
  return layout === 'tn' && packedB === undefined && N < FEW_COLUMNS && N < M && K >= 2 * N;
}

/** Rows and columns of a unit: the largest blocks that still occupy many threads. */
function unitOf(rows: number, columns: number, K: number, batch: number): [rows: number, columns: number] {
  const wanted = Math.min(MAX_UNITS / batch, (2 * rows * columns * K) / UNIT_COST);
  let [down, across] = [1, 1];
  const step = (size: number, parts: number, multiple: number): number =>
    Math.max(1, Math.ceil(size / parts / multiple)) * multiple;
  for (;;) {
    const [height, width] = [step(rows, down, ROW_STEP), step(columns, across, COLUMN_STEP)];
    if (Math.ceil(rows / height) * Math.ceil(columns / width) >= Math.floor(wanted)) return [height, width];
    if (height >= width && height > LEAST_ROWS) down++;
    else if (width > LEAST_COLUMNS) across++;
    else if (height > LEAST_ROWS) down++;
    else return [height, width];
  }
}
