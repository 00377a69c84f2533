// Shared by attention and that of rows: the products of a block; and for attention the sizes of a call and which keys a
// query may see
//
// A block is some queries of one head. Its scores [queries, keys] are a matrix in scratch memory, computed and used by
// the products of `blocks.ts`. It fills the second-level cache, or less if the causal rule lets it see fewer keys. The
// words of a call are its parameters, then the tensors; see `attention.ts`.
import { ACROSS, DOTS, IN_PLACE, product, PRODUCT_SCRATCH, setA, setB, setC, setInner } from './blocks';
import { scratch } from './scratch';
import { firstLanes, float, word } from './simd';

export const BIAS: u32 = 1;
const SHARED_BIAS: u32 = 2;
const CAUSAL: u32 = 4;
export const POSITION: u32 = 8;
const WINDOW: u32 = 32;
const DISTANCE: u32 = 64;

/** Words before the addresses of the tensors. */
export const TENSORS: u32 = 11;

// Usual and largest number of floats in a block's scores; there is room for two such matrices.
const BLOCK_SCORES: u32 = 65536;
const MAX_SCORES: u32 = 393216;
/** Bytes for one float per query (row of a block), stored before the scores. */
export const ROW_VALUES: usize = 16384;

// Few queries read keys and values in place; even fewer use inner products.
const FEW_QUERIES: u32 = 24;
const DOT_QUERIES: u32 = 3;

export let H: u32 = 0;
export let Sq: u32 = 0;
export let Sk: u32 = 0;
export let Hk: u32 = 0;
export let group: u32 = 0;
export let share: u32 = 0;
export let d: u32 = 0;
export let scale: f32 = 1;
export let flags: u32 = 0;
// Index of the first query among the keys, and number of positions a query sees.
let place: u32 = 0;
let window: u32 = 0;
// The bias, and the step in bytes from a query's to the next one's.
let bias: usize = 0;
let biasLd: usize = 0;

// Row stride in bytes of a block's scores, and its two matrices.
export let ld: usize = 0;
export let weights: usize = 0;
export let slopes: usize = 0;

/** Reads the sizes of a call. `tensors`: number of tensors before the bias. */
export function setSizes(args: usize, tensors: u32): void {
  H = word(args, 1);
  Sq = word(args, 2);
  Sk = word(args, 3);
  Hk = word(args, 5);
  share = word(args, 0) / max<u32>(1, word(args, 4));
  group = H / Hk;
  scale = float(args, 6);
  d = word(args, 7);
  place = word(args, 8);
  window = word(args, 9);
  flags = word(args, 10);
  bias = flags & BIAS ? word(args, TENSORS + tensors) : 0;
  biasLd = flags & DISTANCE ? <usize>-4 : (<usize>Sk) << 2;
  placeScores(Sk, d, biasLd);
}

/** Sets the keys in a row of the next scores, the head size and the step of the bias. @returns the rows that fit. */
export function placeScores(keys: u32, size: u32, biasStep: usize): u32 {
  if (keys > MAX_SCORES) unreachable();
  d = size;
  ld = (<usize>((keys + 3) & ~3)) << 2;
  biasLd = biasStep;
  weights = scratch + PRODUCT_SCRATCH + ROW_VALUES;
  slopes = weights + 4 * MAX_SCORES;
  return min(<u32>ROW_VALUES >> 2, MAX_SCORES / max<u32>(4, <u32>ld >> 2));
}

/** Shifts the first query of the call by this many positions among the keys. */
export function movePlace(by: u32): void {
  place += by;
}

// Queries per block.
export function blockRows(): u32 {
  const width = max<u32>(4, <u32>ld >> 2);
  const usual = flags & CAUSAL ? 60 : max<u32>(30, (BLOCK_SCORES / width / 30) * 30);
  return min(usual, placeScores(Sk, d, biasLd));
}

// One past the last key that a query may see.
// @inline
export function keysOf(query: u32): u32 {
  return flags & CAUSAL ? min(Sk, query + place + 1) : Sk;
}

// The first key that a query may see.
// @inline
export function firstOf(query: u32): u32 {
  if (!(flags & WINDOW)) return 0;
  const next = query + place + 1;
  return next - min(next, window);
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
    setC(to, ld, add, biasLd, true);
    product(0, keys, 0, rows);
  } else {
    setA(x, ldx, 0);
    setB(y, ldy, ACROSS);
    setC(to, ld, add, biasLd, false);
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

// Which of four keys from j on are visible: those from `first` to `keys` that the mask does not hide.
// @inline
export function allowed(mask: usize, j: u32, first: u32, keys: u32): v128 {
  let shown = f32x4.ne(v128.load(mask + ((<usize>j) << 2)), f32x4.splat(0));
  if (first > j) shown = first - j >= 4 ? f32x4.splat(0) : v128.andnot(shown, firstLanes(first - j));
  return keys - j >= 4 ? shown : v128.and(shown, firstLanes(keys - j));
}

export function isAnyAllowed(mask: usize, first: u32, keys: u32): bool {
  for (let j: u32 = 0; j < keys; j += 4) if (v128.any_true(allowed(mask, j, first, keys))) return true;
  return false;
}

// Sets floats [from, to) of a row of scores to 0; `from` is rounded up to four.
export function clearRow(row: usize, from: u32, to: u32): void {
  for (let j = (from + 3) & ~3; j < to; j += 4) v128.store(row + ((<usize>j) << 2), f32x4.splat(0));
}

// Address of the bias of a head's queries from i on, or 0.
// @inline
export function biasAt(h: u32, i: u32): usize {
  if (!bias) return 0;
  const at = flags & DISTANCE ? h * (Sq + Sk - 1) + Sq - 1 - i : ((flags & SHARED_BIAS ? 0 : h * Sq) + i) * Sk;
  return bias + ((<usize>at) << 2);
}
