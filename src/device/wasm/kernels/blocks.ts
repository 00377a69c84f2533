// A product of two matrices in memory: C = alpha A B + D over a region of C
//
// A gives the rows of C, stored [rows, K] or [K, rows]; B gives its columns, stored [K, columns] or [columns, K].
// Either may be packed (`unpack.ts`). C and D are stored [rows, columns], or transposed if the operands are swapped.
//
// Plan (Goto and van de Geijn 2008): blocks of up to 512 columns and 256 of K of B become panels in scratch memory;
// blocks of up to 120 rows of A are read in place, or copied as rows into scratch memory if stored otherwise; register
// tiles (`tools/wasm/build.ts`) run over them. For few rows B [K, columns] is read in place, since panels would not
// pay.
// Care: the split of K depends only on K, and every element of C is summed in the order of K whatever its tile, so the
// result is the same for every region. Results past an edge go to scratch memory.
import { dots } from './dots';
import { panelOfColumns, panelOfRows, panelsOfRows, panelWidth, rowsOfColumns, transpose4 } from './panels';
import { setAlpha, setStrides, tile1x32, tile2x16, tile4, tile5x8, tile6x8, tile8 } from './register-tiles';
import { scratch } from './scratch';
import { F32, unpackRow } from './unpack';

/** [K, rows] of A, or [columns, K] of B. */
export const ACROSS: u32 = 1;
/** B [K, columns] is read in place. */
export const IN_PLACE: u32 = 2;
/** B [columns, K], with at most three columns, is multiplied by inner products. */
export const DOTS: u32 = 4;

const TILE_ROWS: u32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;
const MAX_K: u32 = 256;
const MAX_COLUMNS: u32 = 512;
const MAX_ROWS: u32 = 120;

// Offsets in scratch memory: a tile (0), a transposed one, rows of a packed matrix, the panels, the rows of a block.
const TURNED: usize = 256;
const STRIP: usize = 1024;
const PANELS: usize = STRIP + 16384;
const ROWS: usize = PANELS + 4 * MAX_K * MAX_COLUMNS;
/** Bytes that a product uses at the start of scratch memory. */
export const PRODUCT_SCRATCH: usize = ROWS + 4 * MAX_K * MAX_ROWS;

let K: u32 = 0;
let alpha: f32 = 1;
let a: usize = 0;
let lda: usize = 0;
let formA: u32 = 0;
let packingA: u32 = F32;
let scalesA: usize = 0;
let firstA: u32 = 0;
let b: usize = 0;
let ldb: usize = 0;
let formB: u32 = 0;
let packingB: u32 = F32;
let scalesB: usize = 0;
let firstB: u32 = 0;
let c: usize = 0;
let ldc: usize = 0;
let d: usize = 0;
let ldd: usize = 0;
let swapped: bool = false;

/** Sets A for the next products: its address, row stride in bytes, and form, 0 or {@link ACROSS}. */
export function setA(address: usize, ld: usize, form: u32): void {
  a = address;
  lda = ld;
  formA = form;
  packingA = F32;
}

/** Sets where B lies, and its form, which may also be {@link IN_PLACE}. */
export function setB(address: usize, ld: usize, form: u32): void {
  b = address;
  ldb = ld;
  formB = form;
  packingB = F32;
}

/**
 * Marks A, set before with rows of `ld` bytes as floats, as packed from value `first` on. It cannot be {@link ACROSS}.
 */
export function setPackedA(packing: u32, scales: usize, first: u32): void {
  packingA = packing;
  scalesA = scales;
  firstA = first;
}

/** Sets how B is packed; packed, it cannot be {@link IN_PLACE}. */
export function setPackedB(packing: u32, scales: usize, first: u32): void {
  packingB = packing;
  scalesB = scales;
  firstB = first;
}

/**
 * Sets the output C and the addend D (or 0) with their row strides in bytes; both are stored [columns, rows] if
 * `isSwapped`. D may be C.
 */
export function setC(address: usize, ld: usize, addend: usize, addendLd: usize, isSwapped: bool): void {
  c = address;
  ldc = ld;
  d = addend;
  ldd = addendLd;
  swapped = isSwapped;
}

/** Sets the inner size and the factor for the next products. */
export function setInner(size: u32, factor: f32): void {
  K = size;
  alpha = factor;
  setAlpha(factor);
}

/** Computes rows [r0, r1) and columns [c0, c1) of C. */
export function product(r0: u32, r1: u32, c0: u32, c1: u32): void {
  const parts = max<u32>(1, (K + MAX_K - 1) / MAX_K);
  const step = ((K + parts - 1) / parts + 3) & ~3;
  for (let j = c0; j < c1; j += MAX_COLUMNS) {
    const columns = min(MAX_COLUMNS, c1 - j);
    let k: u32 = 0;
    do {
      const count = min(step, K - k);
      if (!(formB & (IN_PLACE | DOTS))) packPanels(j, columns, k, count);
      for (let i = r0; i < r1; i += MAX_ROWS) block(i, min(MAX_ROWS, r1 - i), j, columns, k, count);
      k += count;
    } while (k < K);
  }
}

function packPanels(j: u32, columns: u32, k: u32, count: u32): void {
  const to = scratch + PANELS;
  const width = (<usize>count) << 2;
  if (packingB != F32) {
    packUnpacked(j, columns, k, count);
  } else if (formB & ACROSS) {
    const from = b + <usize>j * ldb + ((<usize>k) << 2);
    for (let p: u32 = 0; p < columns; p += 8) panelOfColumns(from + p * ldb, ldb, columns - p, count, to + p * width);
  } else {
    const from = b + <usize>k * ldb + ((<usize>j) << 2);
    let p: u32 = 0;
    for (; p + 32 <= columns; p += 32) panelsOfRows(from + (p << 2), ldb, count, to + p * width);
    for (; p < columns; p += 8) panelOfRows(from + (p << 2), ldb, columns - p, count, to + p * width);
  }
}

// Panels of a packed B: unpacks eight stored rows at a time, so that they stay in the first-level cache.
function packUnpacked(j: u32, columns: u32, k: u32, count: u32): void {
  const to = scratch + PANELS;
  const strip = scratch + STRIP;
  const row = <u32>(ldb >> 2);
  if (formB & ACROSS) {
    const ld = (<usize>count) << 2;
    for (let p: u32 = 0; p < columns; p += 8) {
      const rows = min<u32>(8, columns - p);
      for (let r: u32 = 0; r < rows; r++) {
        unpackRow(packingB, b, scalesB, firstB + (j + p + r) * row + k, count, strip + r * ld);
      }
      panelOfColumns(strip, ld, columns - p, count, to + p * ld);
    }
  } else {
    const ld = (<usize>columns) << 2;
    for (let s: u32 = 0; s < count; s += 8) {
      const rows = min<u32>(8, count - s);
      for (let r: u32 = 0; r < rows; r++) {
        unpackRow(packingB, b, scalesB, firstB + (k + s + r) * row + j, columns, strip + r * ld);
      }
      for (let p: u32 = 0; p < columns; p += 8) {
        const left = columns - p;
        const panel = to + <usize>p * ((<usize>count) << 2);
        panelOfRows(strip + (p << 2), ld, left, rows, panel + <usize>s * (panelWidth(left) << 2));
      }
    }
  }
}

// Rows [i, i + rows) of A by columns [j, j + columns) of B, over [k, k + count) of K.
function block(i: u32, rows: u32, j: u32, columns: u32, k: u32, count: u32): void {
  let from = a + <usize>i * lda + ((<usize>k) << 2);
  let ld = lda;
  if (packingA != F32) {
    ld = (<usize>count) << 2;
    from = scratch + ROWS;
    const row = <u32>(lda >> 2);
    for (let r: u32 = 0; r < rows; r++) {
      unpackRow(packingA, a, scalesA, firstA + (i + r) * row + k, count, from + r * ld);
    }
  } else if (formA & ACROSS) {
    ld = (<usize>count) << 2;
    rowsOfColumns(a + <usize>k * lda + ((<usize>i) << 2), lda, rows, count, scratch + ROWS, ld);
    from = scratch + ROWS;
  }
  const place = swapped ? <usize>j * ldc + ((<usize>i) << 2) : <usize>i * ldc + ((<usize>j) << 2);
  const to = c + place;
  let add: usize = 0;
  let addLd = ldc;
  if (k > 0) add = to;
  else if (d) {
    addLd = ldd;
    add = d + (swapped ? <usize>j * ldd + ((<usize>i) << 2) : <usize>i * ldd + ((<usize>j) << 2));
  }
  if (formB & DOTS) {
    innerProducts(from, ld, rows, b + ((<usize>k) << 2), columns, count, to, add, addLd);
  } else if (formB & IN_PLACE) {
    const columnsFrom = b + <usize>k * ldb + ((<usize>j) << 2);
    if (rows <= 2 && !swapped) fewRows(from, ld, rows, columnsFrom, columns, count, to, add, addLd);
    else tiles(from, ld, rows, columnsFrom, 32, ldb, ldb, columns, count, to, add, addLd);
  } else {
    tiles(from, ld, rows, scratch + PANELS, (<usize>count) << 5, 32, 16, columns, count, to, add, addLd);
  }
}

// Runs tiles over a block. @param apart bytes between panels. @param ldp bytes between rows of a panel.
// @param ldNarrow the same in a panel of four columns.
function tiles(
  from: usize,
  ld: usize,
  rows: u32,
  panel: usize,
  apart: usize,
  ldp: usize,
  ldNarrow: usize,
  columns: u32,
  count: u32,
  to: usize,
  add: usize,
  addLd: usize,
): void {
  const right: usize = swapped ? ldc << 3 : 32;
  const addRight: usize = swapped ? addLd << 3 : 32;
  for (let left = columns; ; left -= 8) {
    const isNarrow = left <= 4;
    const isWhole = left >= 8 || left == 4;
    const ldPanel = isNarrow ? ldNarrow : ldp;
    if (!swapped && isWhole) {
      setStrides(count, ld, ldPanel, ldc, addLd);
      if (isNarrow) narrowPanel(from, ld, rows, panel, to, add, addLd);
      else wholePanel(from, ld, rows, panel, to, add, addLd);
    } else {
      setStrides(count, ld, ldPanel, isNarrow ? 16 : 32, 0);
      edgePanel(from, ld, rows, panel, min<u32>(8, left), to, add, addLd);
    }
    if (left <= 8) return;
    panel += apart;
    to += right;
    if (add) add += addRight;
  }
}

// The rows of a block times a panel of eight columns, straight into C.
function wholePanel(a: usize, ld: usize, rows: u32, panel: usize, to: usize, add: usize, addLd: usize): void {
  const step = TILE_ROWS * ld;
  const down = TILE_ROWS * ldc;
  const addDown = add ? TILE_ROWS * addLd : 0;
  while (rows >= 2 * TILE_ROWS || rows == TILE_ROWS) {
    if (ASC_FEATURE_RELAXED_SIMD) tile6x8(a, panel, to, add);
    else tile5x8(a, panel, to, add);
    a += step;
    to += down;
    add += addDown;
    rows -= TILE_ROWS;
  }
  while (rows) {
    const n = tileRows(rows);
    tile8(n, a, panel, to, add);
    a += n * ld;
    to += n * ldc;
    if (add) add += n * addLd;
    rows -= n;
  }
}

// The same for a panel of four columns.
function narrowPanel(a: usize, ld: usize, rows: u32, panel: usize, to: usize, add: usize, addLd: usize): void {
  while (rows) {
    const n = tileRows(rows);
    tile4(n, a, panel, to, add);
    a += n * ld;
    to += n * ldc;
    if (add) add += n * addLd;
    rows -= n;
  }
}

// The same for a panel past the edge or a transposed C, through scratch memory.
function edgePanel(
  a: usize,
  ld: usize,
  rows: u32,
  panel: usize,
  columns: u32,
  to: usize,
  add: usize,
  addLd: usize,
): void {
  const down: usize = swapped ? 4 : ldc;
  const addDown: usize = swapped ? 4 : addLd;
  while (rows) {
    const n = tileRows(rows);
    if (columns <= 4) tile4(n, a, panel, scratch, 0);
    else tile8(n, a, panel, scratch, 0);
    if (swapped && columns == 8 && n >= 4) transposed(n, to, add, addLd);
    else edge(n, columns, columns <= 4 ? 16 : 32, to, add, addLd);
    a += n * ld;
    to += n * down;
    if (add) add += n * addDown;
    rows -= n;
  }
}

// Rows of the next tile. The last two tiles share the rest, since a tile of one row is slow.
// @inline
function tileRows(left: u32): u32 {
  if (left <= TILE_ROWS) return left;
  return left < 2 * TILE_ROWS ? (left + 1) >> 1 : TILE_ROWS;
}

// Writes a tile of four to six rows and eight columns to a transposed C.
function transposed(rows: u32, to: usize, add: usize, addLd: usize): void {
  transpose4(scratch, 32, scratch + TURNED, 16);
  transpose4(scratch + 16, 32, scratch + TURNED + 64, 16);
  for (let j: usize = 0; j < 8; j++, to += ldc) {
    let four = v128.load(scratch + TURNED + (j << 4));
    let from = scratch + 128 + (j << 2);
    if (add) four = f32x4.add(v128.load(add), four);
    v128.store(to, four);
    for (let i: u32 = 4; i < rows; i++, from += 32) {
      const value = load<f32>(from);
      store<f32>(to + (i << 2), add ? load<f32>(add + (i << 2)) + value : value);
    }
    if (add) add += addLd;
  }
}

// Copies a tile from scratch memory to C.
function edge(rows: u32, columns: u32, ld: usize, to: usize, add: usize, addLd: usize): void {
  const down: usize = swapped ? 4 : ldc;
  const right: usize = swapped ? ldc : 4;
  const addDown: usize = swapped ? 4 : addLd;
  const addRight: usize = swapped ? addLd : 4;
  for (let i: u32 = 0; i < rows; i++) {
    for (let j: u32 = 0; j < columns; j++) {
      const value = load<f32>(scratch + i * ld + (j << 2));
      store<f32>(to + i * down + j * right, add ? load<f32>(add + i * addDown + j * addRight) + value : value);
    }
  }
}

// Inner products of rows with every column of B.
function innerProducts(
  from: usize,
  ld: usize,
  rows: u32,
  column: usize,
  columns: u32,
  count: u32,
  to: usize,
  add: usize,
  addLd: usize,
): void {
  const down: usize = swapped ? 4 : ldc;
  const addDown: usize = swapped ? 4 : addLd;
  for (let i: u32 = 0; i < rows; i += 4) {
    const n = min<u32>(4, rows - i);
    for (let j: u32 = 0; j < columns; j++) {
      dots(n, from + i * ld, ld, column + j * ldb, count, alpha, scratch + (j << 2), 16);
    }
    edge(n, columns, 16, to + i * down, add ? add + i * addDown : 0, addLd);
  }
}

// One or two rows times a B in place. Uses wide tiles, since narrow ones have too few sums to keep the processor busy.
function fewRows(
  from: usize,
  ld: usize,
  rows: u32,
  panel: usize,
  columns: u32,
  count: u32,
  to: usize,
  add: usize,
  addLd: usize,
): void {
  let j: u32 = 0;
  const width: u32 = rows == 1 ? 32 : 16;
  setStrides(count, ld, ldb, ldc, addLd);
  for (; j + width <= columns; j += width) {
    const at = (<usize>j) << 2;
    if (rows == 1) tile1x32(from, panel + at, to + at, add ? add + at : 0);
    else tile2x16(from, panel + at, to + at, add ? add + at : 0);
  }
  const at = (<usize>j) << 2;
  if (j < columns)
    tiles(from, ld, rows, panel + at, 32, ldb, ldb, columns - j, count, to + at, add ? add + at : 0, addLd);
}
