// The products of attention, for a block of queries of one head
//
// The scores of a block [queries, keys] are a matrix in scratch memory, computed and used by the products of
// `blocks.ts`.
import { ACROSS, DOTS, IN_PLACE, product, PRODUCT_SCRATCH, setA, setB, setC, setInner } from './blocks';
import { scratch } from './scratch';

// Largest number of floats in a block's scores; there is room for two such matrices.
const MAX_SCORES: u32 = 393216;
/** Bytes for one float per query (row of a block), stored before the scores. */
export const ROW_VALUES: usize = 16384;

// Few queries read keys and values in place; even fewer use inner products.
const FEW_QUERIES: u32 = 24;
const DOT_QUERIES: u32 = 3;

// Step in bytes from a query's bias to that of the next one, since it goes by distance.
const BIAS_STEP: usize = <usize>-4;

let d: u32 = 0;
// Row stride in bytes of a block's scores, and its two matrices.
export let ld: usize = 0;
export let weights: usize = 0;
export let slopes: usize = 0;

/** Sets the keys in a row of the next scores, and the head size. @returns the rows that fit. */
export function placeScores(keys: u32, size: u32): u32 {
  if (keys > MAX_SCORES) unreachable();
  d = size;
  ld = (<usize>((keys + 3) & ~3)) << 2;
  weights = scratch + PRODUCT_SCRATCH + ROW_VALUES;
  slopes = weights + 4 * MAX_SCORES;
  return min(<u32>ROW_VALUES >> 2, MAX_SCORES / max<u32>(4, <u32>ld >> 2));
}

// Scores of a block: x [rows, d] times y [keys, d] transposed.
export function scoresOf(
  x: usize,
  ldx: usize,
  rows: u32,
  y: usize,
  ldy: usize,
  keys: u32,
  factor: f32,
  add: usize,
  to: usize,
): void {
  setInner(d, factor);
  if (rows <= DOT_QUERIES) {
    setA(y, ldy, 0);
    setB(x, ldx, ACROSS | DOTS);
    setC(to, ld, add, BIAS_STEP, true);
    product(0, keys, 0, rows);
  } else {
    setA(x, ldx, 0);
    setB(y, ldy, ACROSS);
    setC(to, ld, add, BIAS_STEP, false);
    product(0, rows, 0, keys);
  }
}

// Sums over keys for a block's rows: values [rows, keys] times y [keys, d], plus `add`, which is 0 or `to`.
export function sumOverKeys(
  values: usize,
  rows: u32,
  keys: u32,
  y: usize,
  ldy: usize,
  factor: f32,
  to: usize,
  ldt: usize,
  add: usize,
): void {
  setInner(keys, factor);
  setA(values, ld, 0);
  setB(y, ldy, rows <= FEW_QUERIES ? IN_PLACE : 0);
  setC(to, ldt, add, ldt, false);
  product(0, rows, 0, d);
}

// to [keys, d] += values [rows, keys] transposed times x [rows, d].
export function addOverQueries(
  values: usize,
  rows: u32,
  keys: u32,
  x: usize,
  ldx: usize,
  factor: f32,
  to: usize,
  ldt: usize,
): void {
  setInner(rows, factor);
  setA(values, ld, ACROSS);
  setB(x, ldx, 0);
  setC(to, ldt, to, ldt, false);
  product(0, keys, 0, d);
}
