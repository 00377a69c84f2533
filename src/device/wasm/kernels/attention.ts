// Multi-head attention, o = softmax(scale q kᵀ + bias) v over the allowed keys, and its gradients
//
//   p_ij = exp(s_ij - lse_i), s = scale q kᵀ + bias, delta_i = do_i · o_i, ds_ij = p_ij (do_i · v_j - delta_i)
//   attention       o = Σ_j p v, lse
//   attentionDelta  back = lse and delta of every query, then the mask
//   attentionGradQ  dq = scale ds k, and ds itself where the bias has a gradient
//   attentionGradKv dk = scale dsᵀ q, dv = pᵀ do
//
// Shapes, groups of batches and heads, the causal rule, the window: as in `shaders/attention.wgsl`. The words of a call are
// its parameters, with the size of a head in place of E, the flags below, then the tensors in the shader's order.
//
// Plan: a unit is one head of one batch (attentionGradKv: one key head of one key batch, with all queries that read it, so
// that no two units write to the same place). Scores of a block of queries lie in scratch memory as a matrix, made and used
// by the products of `blocks.ts`; a block is as large as the second cache takes, and smaller where the causal rule lets
// it see fewer keys.
// Care: the maximum is subtracted first; a hidden key has weight 0 exactly; a query without any allowed key gives o = 0,
// lse = -3e38 and gradients 0; NaN in a row of scores stays in that row.
import { ACROSS, DOTS, IN_PLACE, product, PRODUCT_SCRATCH, setA, setB, setC, setInner } from './blocks';
import { exp4, log1 } from './math';
import { scratch } from './scratch';
import { firstLanes, float, max4, sum4, word } from './simd';

const BIAS: u32 = 1;
const SHARED_BIAS: u32 = 2;
const CAUSAL: u32 = 4;
const POSITION: u32 = 8;
const SCORES: u32 = 16;
const WINDOW: u32 = 32;

/** Words before the addresses of the tensors. */
const TENSORS: u32 = 11;

const NO_KEYS: f32 = -3e38;

// Floats of the scores of a block, as a rule and at most; there is room for two such matrices.
const BLOCK_SCORES: u32 = 65536;
const MAX_SCORES: u32 = 393216;
/** Floats of one query, one row of a block, that lie before the scores. */
const ROW_VALUES: usize = 16384;
/** Bytes of scratch memory that an attention uses. */
export const ATTENTION_SCRATCH: usize = PRODUCT_SCRATCH + ROW_VALUES + 8 * MAX_SCORES;

// Few queries read keys and values in place, fewer ones by inner products.
const FEW_QUERIES: u32 = 24;
const DOT_QUERIES: u32 = 3;

let H: u32 = 0;
let Sq: u32 = 0;
let Sk: u32 = 0;
let Hk: u32 = 0;
let group: u32 = 0;
let share: u32 = 0;
let d: u32 = 0;
let scale: f32 = 1;
let flags: u32 = 0;
// Place of the first query among the keys, and places that a query sees.
let place: u32 = 0;
let window: u32 = 0;
let bias: usize = 0;

// Bytes from one row of a block's scores to the next, and its two matrices.
let ld: usize = 0;
let weights: usize = 0;
let slopes: usize = 0;

function setSizes(args: usize, tensors: u32): void {
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
  ld = (<usize>((Sk + 3) & ~3)) << 2;
  if (Sk > MAX_SCORES) unreachable();
  weights = scratch + PRODUCT_SCRATCH + ROW_VALUES;
  slopes = weights + 4 * MAX_SCORES;
}

// Queries of a block.
function blockRows(): u32 {
  const width = max<u32>(4, (<u32>ld) >> 2);
  const usual = flags & CAUSAL ? 60 : max<u32>(30, (BLOCK_SCORES / width / 30) * 30);
  return min(min(usual, (<u32>ROW_VALUES) >> 2), MAX_SCORES / width);
}

// One past the last key that a query may see.
// @inline
function keysOf(query: u32): u32 {
  return flags & CAUSAL ? min(Sk, query + place + 1) : Sk;
}

// The first key that a query may see.
// @inline
function firstOf(query: u32): u32 {
  if (!(flags & WINDOW)) return 0;
  const next = query + place + 1;
  return next - min(next, window);
}

// x [rows, d] times y [keys, d] transposed: scores of a block.
function scoresOf(
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
    setC(to, ld, add, (<usize>Sk) << 2, true);
    product(0, keys, 0, rows);
  } else {
    setA(x, ldx, 0);
    setB(y, ldy, ACROSS);
    setC(to, ld, add, (<usize>Sk) << 2, false);
    product(0, rows, 0, keys);
  }
}

// Σ_j of a block's rows over keys: values [rows, keys] times y [keys, d].
function sumOverKeys(
  values: usize,
  rows: u32,
  keys: u32,
  y: usize,
  ldy: usize,
  factor: f32,
  to: usize,
  ldt: usize,
): void {
  setInner(keys, factor);
  setA(values, ld, 0);
  setB(y, ldy, rows <= FEW_QUERIES ? IN_PLACE : 0);
  setC(to, ldt, 0, 0, false);
  product(0, rows, 0, d);
}

// to [keys, d] += values [rows, keys] transposed times x [rows, d].
function addOverQueries(
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

// Which of the keys from j on may be seen: those from `first` to `keys` that the mask does not hide.
// @inline
function allowed(mask: usize, j: u32, first: u32, keys: u32): v128 {
  let shown = f32x4.ne(v128.load(mask + ((<usize>j) << 2)), f32x4.splat(0));
  if (first > j) shown = first - j >= 4 ? f32x4.splat(0) : v128.andnot(shown, firstLanes(first - j));
  return keys - j >= 4 ? shown : v128.and(shown, firstLanes(keys - j));
}

function isAnyAllowed(mask: usize, first: u32, keys: u32): bool {
  for (let j: u32 = 0; j < keys; j += 4) if (v128.any_true(allowed(mask, j, first, keys))) return true;
  return false;
}

// Floats [from, to) of a row of scores become 0; `from` is rounded up to four.
function clearRow(row: usize, from: u32, to: u32): void {
  for (let j = (from + 3) & ~3; j < to; j += 4) v128.store(row + ((<usize>j) << 2), f32x4.splat(0));
}

let rowSum: f32 = 0;

// Scores of a row become exp(score - largest), 0 where a key is hidden. @returns the logarithm of their sum.
function expRow(row: usize, mask: usize, first: u32, keys: u32): f32 {
  // pmax is one instruction, unlike max. It passes over NaN, which the sum shows.
  let tops = f32x4.splat(-Infinity);
  for (let j: u32 = 0; j < keys; j += 4) {
    const at = row + ((<usize>j) << 2);
    const s = v128.bitselect(v128.load(at), f32x4.splat(-Infinity), allowed(mask, j, first, keys));
    v128.store(at, s);
    tops = f32x4.pmax(tops, s);
  }
  const top = max4(tops);
  rowSum = 0;
  if (top == -Infinity && !isAnyAllowed(mask, first, keys)) {
    clearRow(row, 0, keys);
    return NO_KEYS;
  }
  const largest = f32x4.splat(top);
  let sums = f32x4.splat(0);
  for (let j: u32 = 0; j < keys; j += 4) {
    const at = row + ((<usize>j) << 2);
    const w = exp4(f32x4.sub(v128.load(at), largest));
    v128.store(at, w);
    sums = f32x4.add(sums, w);
  }
  rowSum = sum4(sums);
  return top + log1(rowSum);
}

// Of a row: scores become p, and do · v becomes ds.
function slopeRow(row: usize, slope: usize, mask: usize, first: u32, keys: u32, lse: f32, delta: f32): void {
  const less = f32x4.splat(lse);
  const off = f32x4.splat(delta);
  for (let j: u32 = 0; j < keys; j += 4) {
    const at = (<usize>j) << 2;
    const seen = allowed(mask, j, first, keys);
    const p = v128.and(exp4(f32x4.sub(v128.load(row + at), less)), seen);
    v128.store(row + at, p);
    v128.store(slope + at, v128.and(f32x4.mul(p, f32x4.sub(v128.load(slope + at), off)), seen));
  }
}

export function attention(args: usize, from: u32, to: u32): void {
  setSizes(args, 6);
  if (flags & POSITION) place += load<u32>(word(args, TENSORS + (flags & BIAS ? 7 : 6)));
  const ldq = (<usize>(H * d)) << 2;
  const ldk = (<usize>(Hk * d)) << 2;
  const inverses = weights - ROW_VALUES;
  const maxRows = blockRows();
  for (let unit = from; unit < to; unit++) {
    const b = unit / H;
    const h = unit - b * H;
    const bk = b / share;
    const q = word(args, TENSORS) + b * Sq * ldq + ((<usize>(h * d)) << 2);
    const key = bk * Sk * ldk + ((<usize>((h / group) * d)) << 2);
    const mask = word(args, TENSORS + 3) + ((<usize>(bk * Sk)) << 2);
    const lse = word(args, TENSORS + 4) + ((<usize>(unit * Sq)) << 2);
    const o = word(args, TENSORS + 5) + b * Sq * ldq + ((<usize>(h * d)) << 2);
    for (let i: u32 = 0; i < Sq; i += maxRows) {
      const rows = min(maxRows, Sq - i);
      const keys = keysOf(i + rows - 1);
      const out = o + i * ldq;
      scoresOf(q + i * ldq, ldq, rows, word(args, TENSORS + 1) + key, ldk, keys, scale, biasAt(h, i), weights);
      for (let r: u32 = 0; r < rows; r++) {
        const row = weights + r * ld;
        const seen = keysOf(i + r);
        store<f32>(lse + ((<usize>(i + r)) << 2), expRow(row, mask, firstOf(i + r), seen));
        store<f32>(inverses + (r << 2), rowSum == 0 ? 0 : 1 / rowSum);
        clearRow(row, seen, keys);
      }
      sumOverKeys(weights, rows, keys, word(args, TENSORS + 2) + key, ldk, 1, out, ldq);
      for (let r: u32 = 0; r < rows; r++) scaleRow(out + r * ldq, load<f32>(inverses + (r << 2)));
    }
  }
}

// The bias of a head's queries from i on, or 0.
// @inline
function biasAt(h: u32, i: u32): usize {
  return bias ? bias + ((<usize>((flags & SHARED_BIAS ? 0 : h * Sq) + i) * Sk) << 2) : 0;
}

function scaleRow(at: usize, factor: f32): void {
  let e: u32 = 0;
  for (; e + 4 <= d; e += 4, at += 16) v128.store(at, f32x4.mul(v128.load(at), f32x4.splat(factor)));
  for (; e < d; e++, at += 4) store<f32>(at, load<f32>(at) * factor);
}

function dot(a: usize, b: usize): f32 {
  let sums = f32x4.splat(0);
  let e: u32 = 0;
  for (; e + 4 <= d; e += 4, a += 16, b += 16) sums = f32x4.add(sums, f32x4.mul(v128.load(a), v128.load(b)));
  let sum = sum4(sums);
  for (; e < d; e++, a += 4, b += 4) sum += load<f32>(a) * load<f32>(b);
  return sum;
}

// Units: heads of all batches, and one behind them for the mask. Words: H, Sq, d, queries, keys; lse, do, o, mask, back.
export function attentionDelta(args: usize, from: u32, to: u32): void {
  H = word(args, 0);
  Sq = word(args, 1);
  d = word(args, 2);
  const queries: usize = word(args, 3);
  const ldq = (<usize>(H * d)) << 2;
  const back: usize = word(args, 9);
  for (let unit = from; unit < to; unit++) {
    if (<usize>unit * Sq >= queries) {
      memory.copy(back + (queries << 3), word(args, 8), (<usize>word(args, 4)) << 2);
      return;
    }
    const b = unit / H;
    const row = b * Sq * ldq + ((<usize>((unit - b * H) * d)) << 2);
    for (let i: u32 = 0; i < Sq; i++) {
      const place = (<usize>(unit * Sq + i)) << 2;
      const at = row + i * ldq;
      store<f32>(back + 2 * place, load<f32>(word(args, 5) + place));
      store<f32>(back + 2 * place, dot(word(args, 6) + at, word(args, 7) + at), 4);
    }
  }
}

// The mask of a batch of keys, behind what the gradients read of queries.
// @inline
function maskBehind(args: usize, bk: u32): usize {
  const queries = <usize>(word(args, 0) * H * Sq);
  return word(args, TENSORS + 3) + (queries << 3) + ((<usize>(bk * Sk)) << 2);
}

export function attentionGradQ(args: usize, from: u32, to: u32): void {
  setSizes(args, 6);
  const ldq = (<usize>(H * d)) << 2;
  const ldk = (<usize>(Hk * d)) << 2;
  const maxRows = blockRows();
  for (let unit = from; unit < to; unit++) {
    const b = unit / H;
    const h = unit - b * H;
    const bk = b / share;
    const query = b * Sq * ldq + ((<usize>(h * d)) << 2);
    const key = bk * Sk * ldk + ((<usize>((h / group) * d)) << 2);
    const mask = maskBehind(args, bk);
    for (let i: u32 = 0; i < Sq; i += maxRows) {
      const rows = min(maxRows, Sq - i);
      const keys = keysOf(i + rows - 1);
      const at = query + i * ldq;
      const dout = word(args, TENSORS + 4) + at;
      scoresOf(
        word(args, TENSORS) + at,
        ldq,
        rows,
        word(args, TENSORS + 1) + key,
        ldk,
        keys,
        scale,
        biasAt(h, i),
        weights,
      );
      scoresOf(dout, ldq, rows, word(args, TENSORS + 2) + key, ldk, keys, 1, 0, slopes);
      for (let r: u32 = 0; r < rows; r++) {
        const line = unit * Sq + i + r;
        const back = word(args, TENSORS + 3) + ((<usize>line) << 3);
        const seen = keysOf(i + r);
        const slope = slopes + r * ld;
        slopeRow(weights + r * ld, slope, mask, firstOf(i + r), seen, load<f32>(back), load<f32>(back, 4));
        clearRow(slope, seen, keys);
        if (flags & SCORES)
          saveRow(word(args, TENSORS + (flags & BIAS ? 7 : 6)) + ((<usize>line * Sk) << 2), slope, seen);
      }
      sumOverKeys(slopes, rows, keys, word(args, TENSORS + 1) + key, ldk, scale, word(args, TENSORS + 5) + at, ldq);
    }
  }
}

export function attentionGradKv(args: usize, from: u32, to: u32): void {
  setSizes(args, 7);
  const ldq = (<usize>(H * d)) << 2;
  const ldk = (<usize>(Hk * d)) << 2;
  for (let unit = from; unit < to; unit++) {
    const bk = unit / Hk;
    const hk = unit - bk * Hk;
    const key = bk * Sk * ldk + ((<usize>(hk * d)) << 2);
    for (let j: u32 = 0; j < Sk; j++) {
      memory.fill(word(args, TENSORS + 5) + key + j * ldk, 0, (<usize>d) << 2);
      memory.fill(word(args, TENSORS + 6) + key + j * ldk, 0, (<usize>d) << 2);
    }
    for (let b = bk * share; b < (bk + 1) * share; b++) {
      for (let h = hk * group; h < (hk + 1) * group; h++) addHead(args, b, h, bk, key, ldq, ldk);
    }
  }
}

// Adds what the queries of one head give to the gradients of the keys and values that they read.
function addHead(args: usize, b: u32, h: u32, bk: u32, key: usize, ldq: usize, ldk: usize): void {
  const maxRows = blockRows();
  const query = b * Sq * ldq + ((<usize>(h * d)) << 2);
  const mask = maskBehind(args, bk);
  for (let i: u32 = 0; i < Sq; i += maxRows) {
    const rows = min(maxRows, Sq - i);
    const keys = keysOf(i + rows - 1);
    const q = word(args, TENSORS) + query + i * ldq;
    const dout = word(args, TENSORS + 4) + query + i * ldq;
    scoresOf(q, ldq, rows, word(args, TENSORS + 1) + key, ldk, keys, scale, biasAt(h, i), weights);
    scoresOf(dout, ldq, rows, word(args, TENSORS + 2) + key, ldk, keys, 1, 0, slopes);
    for (let r: u32 = 0; r < rows; r++) {
      const line = (b * H + h) * Sq + i + r;
      const back = word(args, TENSORS + 3) + ((<usize>line) << 3);
      const seen = keysOf(i + r);
      const row = weights + r * ld;
      const slope = slopes + r * ld;
      slopeRow(row, slope, mask, firstOf(i + r), seen, load<f32>(back), load<f32>(back, 4));
      clearRow(row, seen, keys);
      clearRow(slope, seen, keys);
    }
    addOverQueries(weights, rows, keys, dout, ldq, 1, word(args, TENSORS + 6) + key, ldk);
    addOverQueries(slopes, rows, keys, q, ldq, scale, word(args, TENSORS + 5) + key, ldk);
  }
}

// ds of a query over all keys.
function saveRow(to: usize, slope: usize, seen: u32): void {
  memory.copy(to, slope, (<usize>seen) << 2);
  memory.fill(to + ((<usize>seen) << 2), 0, (<usize>(Sk - seen)) << 2);
}
