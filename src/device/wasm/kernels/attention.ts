// Attention of the tokens of several texts, and its gradients
//
//   p_ij = exp(s_ij - lse_i), s = scale q kᵀ + bias, delta_i = do_i · o_i, ds_ij = p_ij (do_i · v_j - delta_i)
//   attention        o = Σ_j p v, lse
//   attentionDelta   back = lse and delta of every query and head, then the spans as floats
//   attentionGradQ   dq = scale ds k
//   attentionGradKv  dk = scale dsᵀ q, dv = pᵀ do
//
// q, o, do, dq [N, H, d]; k, v, dk, dv [M, Hk, d]; lse [N, H]. spans u32 [R, 6]: the first query of a span and their
// number; the first of its own keys and their number; their first position; and one more than the span that it
// continues, or 0. It sees all keys of that span, and those that that one sees, whose positions come before its own.
// Query i is at the position of own key i, or `position` after it. The causal rule shows it keys up to its position, a
// window of w only the last w of them. bias [H, width], by key - query + (width - 1) / 2. Every query belongs to one
// span, and for the gradients every key is an own key of one span.
//
// Words: parts, size, R, N, H, Hk, d, scale, window, width, flags; q, k, v; then spans, lse, o or back, do and the
// results; then the bias and the position.
//
// Plan: a unit is one head of a part of a span: `size` queries, in attentionGradKv `size` keys with all queries that
// see them, so that no two units write to the same place. Scores go through the products of `attention-blocks.ts`,
// the keys of a span and of those before it side by side. No key is read that no query of a block sees.
// Care: the largest score is subtracted before exp; a query without keys gives o = 0, lse = -3e38 and zero gradients.
import {
  addOverQueries,
  ld,
  placeScores,
  ROW_VALUES,
  scoresOf,
  slopes,
  sumOverKeys,
  weights,
} from './attention-blocks';
import { exp4, log1 } from './math';
import { float, max4, sum4, word } from './simd';
import { dot } from './vectors';

const BIAS: u32 = 1;
const CAUSAL: u32 = 2;
const WINDOW: u32 = 4;
const POSITION: u32 = 8;
/** Words before the addresses of the tensors. */
const TENSORS: u32 = 11;
const SPAN: u32 = 6;
/** Rows of the products that sum over queries. */
const BLOCK: u32 = 120;
const NO_KEYS: f32 = -3e38;

// Words of a call.
let parts: u32 = 0;
let size: u32 = 0;
let R: u32 = 0;
let H: u32 = 0;
let Hk: u32 = 0;
let d: u32 = 0;
let scale: f32 = 1;
let window: u32 = 0;
let width: u32 = 0;
let flags: u32 = 0;
let bias: usize = 0;
let shift: u32 = 0;
let ldq: usize = 0;
let ldk: usize = 0;
// The span table and whether it holds floats.
let table: usize = 0;
let isFloat: bool = false;
// The span that was found last, and the number of its first part: parts are mostly asked for in order.
let lastSpan: u32 = 0;
let lastPart: u32 = 0;
// The current span, and a part of its queries or keys.
let queryBegin: u32 = 0;
let queryCount: u32 = 0;
let ownBegin: u32 = 0;
let ownCount: u32 = 0;
let start: u32 = 0;
let before: u32 = 0;
let first: u32 = 0;
let count: u32 = 0;
// The positions of keys that a block of queries sees.
let low: u32 = 0;
let high: u32 = 0;

function setCall(args: usize, tensors: u32): void {
  parts = word(args, 0);
  size = word(args, 1);
  R = word(args, 2);
  H = word(args, 4);
  Hk = word(args, 5);
  d = word(args, 6);
  scale = float(args, 7);
  window = word(args, 8);
  width = word(args, 9);
  flags = word(args, 10);
  bias = flags & BIAS ? word(args, TENSORS + tensors) : 0;
  shift = flags & POSITION ? load<u32>(word(args, TENSORS + tensors + (bias ? 1 : 0))) : 0;
  ldq = (<usize>(H * d)) << 2;
  ldk = (<usize>(Hk * d)) << 2;
}

// The spans as they are, or as floats after the values of all queries in `back`.
function setTable(args: usize, isBack: bool): void {
  lastSpan = lastPart = 0;
  isFloat = isBack;
  table = word(args, TENSORS + 3) + (isBack ? (<usize>(word(args, 3) * H)) << 3 : 0);
}

// @inline
function field(span: u32, i: u32): u32 {
  const at = table + ((<usize>(span * SPAN + i)) << 2);
  return isFloat ? <u32>load<f32>(at) : load<u32>(at);
}

function readSpan(span: u32): void {
  queryBegin = field(span, 0);
  queryCount = field(span, 1);
  ownBegin = field(span, 2);
  ownCount = field(span, 3);
  start = field(span, 4);
  before = field(span, 5);
}

// Finds a part by its number among those of all spans. The parts of a span are about equally long, in whole tiles.
function findPart(part: u32, ofKeys: bool): bool {
  if (part < lastPart) lastSpan = lastPart = 0;
  for (; lastSpan < R; lastSpan++) {
    const total = field(lastSpan, ofKeys ? 3 : 1);
    const all = (total + size - 1) / size;
    if (part >= lastPart + all) {
      lastPart += all;
      continue;
    }
    readSpan(lastSpan);
    const step = (((total + all - 1) / all + 5) / 6) * 6;
    first = (part - lastPart) * step;
    count = first < total ? min(step, total - first) : 0;
    return count > 0;
  }
  return false;
}

// Whether a span continues another, or one that does.
function continues(span: u32, other: u32): bool {
  for (let next = field(span, 5); next > 0; next = field(next - 1, 5)) if (next - 1 == other) return true;
  return false;
}

// @inline
function endOf(query: u32): u32 {
  return start + (flags & CAUSAL ? min(ownCount, query + shift + 1) : ownCount);
}

// @inline
function beginOf(query: u32): u32 {
  const next = start + query + shift + 1;
  return flags & WINDOW ? next - min(next, window) : 0;
}

// Sets the keys of a block of queries. @returns how many of the queries fit into it.
function setBlock(query: u32, left: u32): u32 {
  let rows = min(left, placeScores(start + ownCount, d));
  low = beginOf(query);
  high = endOf(query + rows - 1);
  if (low > high) low = high;
  placeScores(high - low, d);
  return rows;
}

// Address of the bias of a query and a key, by their positions.
// @inline
function biasAt(h: u32, query: u32, key: u32): usize {
  return bias ? bias + ((<usize>(h * width + (width - 1) / 2 + key - query)) << 2) : 0;
}

// The keys that a block sees in the current span, then those in the spans before it: their positions, the number of the
// first, and what comes before.
let rangeBegin: u32 = 0;
let rangeEnd: u32 = 0;
let rangeKey: u32 = 0;
let rangeBefore: u32 = 0;

function lastRange(): void {
  rangeEnd = high;
  setRange(start, ownBegin, before);
}

function setRange(from: u32, own: u32, next: u32): void {
  rangeBefore = next;
  rangeBegin = min(rangeEnd, max(low, from));
  rangeKey = own + rangeBegin - from;
}

// Goes to the span before. @returns whether the block sees keys in it or in those before it.
function previousRange(): bool {
  rangeEnd = rangeBegin;
  if (rangeEnd <= low || rangeBefore == 0) return false;
  const span = rangeBefore - 1;
  setRange(field(span, 4), field(span, 2), field(span, 5));
  return true;
}

// Scores of a block's queries, at x, for the keys at y; with the bias of head h, from query i on, if `biased`.
function spanScores(x: usize, rows: u32, y: usize, factor: f32, biased: bool, h: u32, i: u32, to: usize): void {
  const place = start + i + shift;
  lastRange();
  do {
    const keys = rangeEnd - rangeBegin;
    if (keys == 0) continue;
    const add = biased ? biasAt(h, place, rangeBegin) : 0;
    const into = to + ((<usize>(rangeBegin - low)) << 2);
    scoresOf(x, ldq, rows, y + <usize>rangeKey * ldk, ldk, keys, factor, add, into);
  } while (previousRange());
}

// Values [rows, keys] of a block times the vectors at y.
function spanSums(values: usize, rows: u32, y: usize, factor: f32, to: usize): void {
  let add: usize = 0;
  lastRange();
  do {
    const keys = rangeEnd - rangeBegin;
    if (keys == 0) continue;
    const from = values + ((<usize>(rangeBegin - low)) << 2);
    sumOverKeys(from, rows, keys, y + <usize>rangeKey * ldk, ldk, factor, to, ldq, add);
    add = to;
  } while (previousRange());
  if (add == 0) for (let r: u32 = 0; r < rows; r++) memory.fill(to + r * ldq, 0, (<usize>d) << 2);
}

// Sets a row outside [from, to): to `outside` in the fours that the range touches, to 0 in all others.
function frame(row: usize, from: u32, to: u32, outside: f32): void {
  const end = (to + 3) & ~3;
  let j: u32 = 0;
  for (; j + 4 <= from; j += 4) v128.store(row + ((<usize>j) << 2), f32x4.splat(0));
  for (; j < from; j++) store<f32>(row + ((<usize>j) << 2), outside);
  for (j = to; j < end; j++) store<f32>(row + ((<usize>j) << 2), outside);
  for (let at = (<usize>j) << 2; at < ld; at += 16) v128.store(row + at, f32x4.splat(0));
}

let rowSum: f32 = 0;

// Turns scores [from, to) of a row into exp(score - largest), all others into 0. @returns their log-sum-exp.
function expRow(row: usize, from: u32, to: u32): f32 {
  rowSum = 0;
  if (from >= to) {
    frame(row, 0, 0, 0);
    return NO_KEYS;
  }
  frame(row, from, to, -Infinity);
  // pmax is one instruction, unlike max. It skips NaN, which the sum propagates.
  let tops = f32x4.splat(-Infinity);
  const start = row + ((<usize>(from & ~3)) << 2);
  const bytes = (<usize>(((to + 3) & ~3) - (from & ~3))) << 2;
  for (let at: usize = 0; at < bytes; at += 16) tops = f32x4.pmax(tops, v128.load(start + at));
  const top = max4(tops);
  const largest = f32x4.splat(top);
  let sums = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) {
    const w = exp4(f32x4.sub(v128.load(start + at), largest));
    v128.store(start + at, w);
    sums = f32x4.add(sums, w);
  }
  rowSum = sum4(sums);
  return top + log1(rowSum);
}

// In [from, to) of a row, turns scores into p and do · v into ds; all others into 0.
function slopeRow(row: usize, slope: usize, from: u32, to: u32, back: usize): void {
  if (from >= to) from = to = 0;
  const less = f32x4.splat(load<f32>(back));
  const off = f32x4.splat(load<f32>(back, 4));
  const end = (<usize>((to + 3) & ~3)) << 2;
  for (let at = (<usize>(from & ~3)) << 2; at < end; at += 16) {
    const p = exp4(f32x4.sub(v128.load(row + at), less));
    v128.store(row + at, p);
    v128.store(slope + at, f32x4.mul(p, f32x4.sub(v128.load(slope + at), off)));
  }
  frame(row, from, to, 0);
  frame(slope, from, to, 0);
}

export function attention(args: usize, from: u32, to: u32): void {
  setCall(args, 6);
  setTable(args, false);
  const group = H / Hk;
  for (let unit = from; unit < to; unit++) {
    const h = unit / parts;
    if (!findPart(unit - h * parts, false)) continue;
    const key = (<usize>((h / group) * d)) << 2;
    for (let i = first; i < first + count;) {
      const rows = setBlock(i, first + count - i);
      const line = queryBegin + i;
      const at = line * ldq + ((<usize>(h * d)) << 2);
      const out = word(args, TENSORS + 5) + at;
      spanScores(word(args, TENSORS) + at, rows, word(args, TENSORS + 1) + key, scale, true, h, i, weights);
      const inverses = weights - ROW_VALUES;
      for (let r: u32 = 0; r < rows; r++) {
        const begin = max(beginOf(i + r), low) - low;
        const lse = expRow(weights + r * ld, begin, endOf(i + r) - low);
        store<f32>(word(args, TENSORS + 4) + ((<usize>((line + r) * H + h)) << 2), lse);
        store<f32>(inverses + (r << 2), rowSum == 0 ? 0 : 1 / rowSum);
      }
      spanSums(weights, rows, word(args, TENSORS + 2) + key, 1, out);
      for (let r: u32 = 0; r < rows; r++) scaleVector(out + r * ldq, load<f32>(inverses + (r << 2)));
      i += rows;
    }
  }
}

function scaleVector(at: usize, factor: f32): void {
  let e: u32 = 0;
  for (; e + 4 <= d; e += 4, at += 16) v128.store(at, f32x4.mul(v128.load(at), f32x4.splat(factor)));
  for (; e < d; e++, at += 4) store<f32>(at, load<f32>(at) * factor);
}

// Units: tokens, then one for the spans, whose integers become floats. Words: d, queries, numbers of all spans, tokens,
// H; lse, do, o, spans, back.
export function attentionDelta(args: usize, from: u32, to: u32): void {
  const length = word(args, 0);
  const rest = word(args, 2);
  const tokens = word(args, 3);
  const heads = word(args, 4);
  const back: usize = word(args, 9);
  for (let token = from; token < to; token++) {
    if (token == tokens) {
      const end = back + ((<usize>(tokens * heads)) << 3);
      const spans: usize = word(args, 8);
      for (let i: u32 = 0; i < rest; i++) store<f32>(end + (i << 2), <f32>load<u32>(spans + (i << 2)));
      return;
    }
    for (let head = token * heads; head < (token + 1) * heads; head++) {
      const at = (<usize>(head * length)) << 2;
      const to = back + ((<usize>head) << 3);
      store<f32>(to, load<f32>(word(args, 5) + ((<usize>head) << 2)));
      store<f32>(to, dot(word(args, 6) + at, word(args, 7) + at, length), 4);
    }
  }
}

export function attentionGradQ(args: usize, from: u32, to: u32): void {
  setCall(args, 6);
  setTable(args, true);
  const group = H / Hk;
  for (let unit = from; unit < to; unit++) {
    const h = unit / parts;
    if (!findPart(unit - h * parts, false)) continue;
    const key = (<usize>((h / group) * d)) << 2;
    for (let i = first; i < first + count;) {
      const rows = setBlock(i, first + count - i);
      const line = queryBegin + i;
      const at = line * ldq + ((<usize>(h * d)) << 2);
      spanScores(word(args, TENSORS) + at, rows, word(args, TENSORS + 1) + key, scale, true, h, i, weights);
      spanScores(word(args, TENSORS + 4) + at, rows, word(args, TENSORS + 2) + key, 1, false, h, i, slopes);
      for (let r: u32 = 0; r < rows; r++) {
        const begin = max(beginOf(i + r), low) - low;
        slopeRow(weights + r * ld, slopes + r * ld, begin, endOf(i + r) - low, backOf(args, line + r, h));
      }
      spanSums(slopes, rows, word(args, TENSORS + 1) + key, scale, word(args, TENSORS + 5) + at);
      i += rows;
    }
  }
}

// Address of lse and delta of a query.
// @inline
function backOf(args: usize, line: u32, h: u32): usize {
  return word(args, TENSORS + 3) + ((<usize>(line * H + h)) << 3);
}

export function attentionGradKv(args: usize, from: u32, to: u32): void {
  setCall(args, 7);
  setTable(args, true);
  for (let unit = from; unit < to; unit++) {
    const hk = unit / parts;
    if (!findPart(unit - hk * parts, true)) continue;
    const key = <usize>(ownBegin + first) * ldk + ((<usize>(hk * d)) << 2);
    for (let j: u32 = 0; j < count; j++) {
      memory.fill(word(args, TENSORS + 5) + key + j * ldk, 0, (<usize>d) << 2);
      memory.fill(word(args, TENSORS + 6) + key + j * ldk, 0, (<usize>d) << 2);
    }
    const position = start + first;
    addQueries(args, hk, key, position, count);
    const own = lastSpan;
    for (let span: u32 = 0; span < R; span++) {
      if (!continues(span, own)) continue;
      readSpan(span);
      addQueries(args, hk, key, position, count);
    }
  }
}

// Adds what the queries of the current span contribute to the gradients of keys, from a position of the span on.
function addQueries(args: usize, hk: u32, key: usize, position: u32, keys: u32): void {
  const group = H / Hk;
  const end = position + keys;
  const firstQuery = flags & CAUSAL ? max(position, start) - start : 0;
  const reach = end - 1 + window; // one past the last position from which a key is seen
  const endQuery = flags & WINDOW ? min(queryCount, max(reach, start) - start) : queryCount;
  const maxRows = min(BLOCK, placeScores(keys, d));
  for (let i = firstQuery; i < endQuery; i += maxRows) {
    const rows = min(maxRows, endQuery - i);
    for (let h = hk * group; h < (hk + 1) * group; h++) {
      const at = <usize>(queryBegin + i) * ldq + ((<usize>(h * d)) << 2);
      const q = word(args, TENSORS) + at;
      const dout = word(args, TENSORS + 4) + at;
      const add = biasAt(h, start + i, position);
      scoresOf(q, ldq, rows, word(args, TENSORS + 1) + key, ldk, keys, scale, add, weights);
      scoresOf(dout, ldq, rows, word(args, TENSORS + 2) + key, ldk, keys, 1, 0, slopes);
      for (let r: u32 = 0; r < rows; r++) {
        const seenFrom = min(max(beginOf(i + r), position), end) - position;
        const seenTo = min(max(endOf(i + r), position), end) - position;
        slopeRow(weights + r * ld, slopes + r * ld, seenFrom, seenTo, backOf(args, queryBegin + i + r, h));
      }
      addOverQueries(weights, rows, keys, dout, ldq, 1, word(args, TENSORS + 6) + key, ldk);
      addOverQueries(slopes, rows, keys, q, ldq, scale, word(args, TENSORS + 5) + key, ldk);
    }
  }
}
