// Matrix product, C [batch, M, N] = alpha op(A) op(B) (+ D) (+ C)
//
//   layouts  nt: A [M, K], B [N, K];  nn: A [M, K], B [K, N];  tn: A [K, M], B [K, N]
//
// Operands may be parts of larger matrices; batches have strides, 0 for a shared operand; B may be packed.
// `planProduct` (`src/device/wasm/wasm-planner.ts`) makes the words of a call and chooses the operand that gives the rows
// of the computation. That operand is read in place; the other, better the smaller one, is copied into panels. If that
// is A, C is written transposed.
//
// Plan: a unit is one block of rows and columns of one batch; consecutive units are computed together (`blocks.ts`).
import { ACROSS, DOTS, IN_PLACE, product, setA, setB, setC, setInner, setPackedA, setPackedB } from './blocks';
import { float, word } from './simd';
import { F32 } from './unpack';

// Words of a call, in this order: sizes, the block of one unit, positions of the row operand and the column operand (in
// elements), positions of C and D, packing of B, the factor, flags; then the addresses of A, B, C and D.
const ROWS: u32 = 0;
const COLUMNS: u32 = 1;
const INNER: u32 = 2;
const UNIT_ROWS: u32 = 3;
const UNIT_COLUMNS: u32 = 4;
const ROW_OF_ROWS: u32 = 5;
const ROW_OF_COLUMNS: u32 = 6;
const OFFSET_OF_ROWS: u32 = 7;
const OFFSET_OF_COLUMNS: u32 = 8;
const BATCH_OF_ROWS: u32 = 9;
const BATCH_OF_COLUMNS: u32 = 10;
const ROW_C: u32 = 11;
const OFFSET_C: u32 = 12;
const BATCH_C: u32 = 13;
const BATCH_D: u32 = 14;
const PACKING: u32 = 15;
const SCALES: u32 = 16;
const ALPHA: u32 = 17;
const FLAGS: u32 = 18;
const TENSORS: u32 = 19;

// Bits of FLAGS.
const ROWS_ACROSS: u32 = 1;
const COLUMNS_ACROSS: u32 = 2;
const COLUMNS_IN_PLACE: u32 = 4;
const BY_DOTS: u32 = 8;
const SWAPPED: u32 = 16;
const ADDEND: u32 = 32;
const ACCUMULATE: u32 = 64;

let c: usize = 0;
let d: usize = 0;
let ldc: usize = 0;

export function matmul(args: usize, from: u32, to: u32): void {
  const rows = word(args, ROWS);
  const columns = word(args, COLUMNS);
  const unitRows = word(args, UNIT_ROWS);
  const unitColumns = word(args, UNIT_COLUMNS);
  const flags = word(args, FLAGS);
  const down = (rows + unitRows - 1) / unitRows;
  const across = (columns + unitColumns - 1) / unitColumns;
  setInner(word(args, INNER), float(args, ALPHA));
  let last: u32 = -1;
  let unit = from;
  while (unit < to) {
    const batch = unit / (down * across);
    if (batch != last) setOperands(args, flags, batch);
    last = batch;
    const inBatch = unit - batch * down * across;
    const j = inBatch / down;
    const i = inBatch - j * down;
    // Whole columns of units at once, or part of one.
    const whole = i == 0 ? min((to - unit) / down, across - j) : 0;
    const count = whole > 0 ? down : min(to - unit, down - i);
    const r0 = i * unitRows;
    const r1 = min(rows, (i + count) * unitRows);
    const c0 = j * unitColumns;
    const c1 = min(columns, (j + max<u32>(1, whole)) * unitColumns);
    if (flags & ADDEND && flags & ACCUMULATE) {
      if (flags & SWAPPED) addAddend(c0, c1, r0, r1);
      else addAddend(r0, r1, c0, c1);
    }
    product(r0, r1, c0, c1);
    unit += whole > 0 ? whole * down : count;
  }
}

function setOperands(args: usize, flags: u32, batch: u32): void {
  const swapped = (flags & SWAPPED) != 0;
  const packing = word(args, PACKING);
  const ofRows = <usize>word(args, TENSORS + (swapped ? 1 : 0));
  const ofColumns = <usize>word(args, TENSORS + (swapped ? 0 : 1));
  const firstRow = word(args, OFFSET_OF_ROWS) + batch * word(args, BATCH_OF_ROWS);
  const firstColumn = word(args, OFFSET_OF_COLUMNS) + batch * word(args, BATCH_OF_COLUMNS);
  const rowsPacked = swapped && packing != F32;
  const columnsPacked = !swapped && packing != F32;
  const formA = flags & ROWS_ACROSS ? ACROSS : 0;
  const formB =
    (flags & COLUMNS_ACROSS ? ACROSS : 0) | (flags & COLUMNS_IN_PLACE ? IN_PLACE : 0) | (flags & BY_DOTS ? DOTS : 0);
  const scales = (<usize>word(args, SCALES)) << 2;
  setA(rowsPacked ? ofRows : ofRows + ((<usize>firstRow) << 2), (<usize>word(args, ROW_OF_ROWS)) << 2, formA);
  if (rowsPacked) setPackedA(packing, ofRows + scales, firstRow);
  const ldColumns = (<usize>word(args, ROW_OF_COLUMNS)) << 2;
  setB(columnsPacked ? ofColumns : ofColumns + ((<usize>firstColumn) << 2), ldColumns, formB);
  if (columnsPacked) setPackedB(packing, ofColumns + scales, firstColumn);
  ldc = (<usize>word(args, ROW_C)) << 2;
  c = word(args, TENSORS + 2) + ((<usize>(word(args, OFFSET_C) + batch * word(args, BATCH_C))) << 2);
  d = 0;
  if (flags & ADDEND) {
    d = word(args, TENSORS + 3) + ((<usize>(word(args, OFFSET_C) + batch * word(args, BATCH_D))) << 2);
  }
  setC(c, ldc, flags & ACCUMULATE ? c : d, ldc, swapped);
}

// C += D over a region, for a product that is added to both.
function addAddend(r0: u32, r1: u32, c0: u32, c1: u32): void {
  for (let i = r0; i < r1; i++) {
    const row = <usize>i * ldc;
    for (let at = row + ((<usize>c0) << 2), end = row + ((<usize>c1) << 2); at < end; at += 4) {
      store<f32>(c + at, load<f32>(c + at) + load<f32>(d + at));
    }
  }
}
