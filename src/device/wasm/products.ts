import { f32, type Param, u32 } from '../kernel.ts';
import { type MatmulShape, productOperations, windowOf } from '../matmul-shape.ts';
import { valueWords } from '../packing.ts';

/** A product as the WebAssembly kernel `matmul` is called; its tensors are A, B, C and, where there is an addend, D. */
export interface WasmProduct {
  readonly entry: 'matmul';
  /** In the order of `kernels/matmul.ts`. */
  readonly params: readonly Param[];
  /** Blocks of C that threads may compute on their own. */
  readonly units: number;
  /** Floating point operations of all units. */
  readonly cost: number;
}

/** Bits of the word `FLAGS` in `kernels/matmul.ts`. */
const FLAGS = { rowsAcross: 1, columnsAcross: 2, inPlace: 4, dots: 8, swapped: 16, addend: 32, accumulate: 64 };
/** Numbers of packings in `kernels/unpack.ts`; 0 is f32. */
const PACKINGS = { f16: 1, bf16: 2, int8: 3, int4: 4 } as const;

// Up to so many rows read [K, columns] in place: panels take as long as a few rows.
const FEW_ROWS = 24;
// Below so many columns it takes longer to bring the rows into order than to write C transposed.
const FEW_COLUMNS = 48;
// Columns that are multiplied by inner products, as one token at a time is.
const DOT_COLUMNS = 3;
// Operations for which a thread is worth waking; and units that a product is cut into at most.
const UNIT_COST = 2e6;
const MAX_UNITS = 64;
// Blocks are multiples of the register tiles: of 5 and of 6 rows, and of 8 columns.
const ROW_STEP = 30;
const COLUMN_STEP = 8;
const LEAST_ROWS = 60;
const LEAST_COLUMNS = 64;

/**
 * How a product is computed by the WebAssembly kernel: which operand gives the rows of what is computed (it is read in
 * place, so it should be the larger one), whether the other one is brought into panels, and which blocks are units.
 */
export function planProduct(shape: MatmulShape): WasmProduct {
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
  const sizes = [rows.size, columns.size, K, unitRows, unitColumns];
  const places = [rows.row, columns.row, rows.offset, columns.offset, rows.batchStride, columns.batchStride];
  const packing = packedB ? [PACKINGS[packedB.packing], valueWords(packedB.packing, packedB.elements)] : [0, 0];
  return {
    entry: 'matmul',
    params: [
      ...[...sizes, ...places, rowC, offsetC, batchStrideC, batchStrideD, ...packing].map(u32),
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
  // A would be transposed for few columns only; as panels it is read in place, or nearly as it is.
  return layout === 'tn' && packedB === undefined && N < FEW_COLUMNS && N < M && K >= 2 * N;
}

/** Rows and columns of a unit: the largest blocks that are enough for many threads. */
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
