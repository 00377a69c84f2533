// Multi-head attention, o = softmax(scale q kᵀ + bias) v over the allowed keys, and lse, the log-sum-exp of scores
//
// Shapes, groups of batches and heads, the causal rule, the window: as in `shaders/attention-inputs.wgsl`. The words of a call
// are the shader's parameters, with the head size instead of E, the flags below, then the tensors in the shader's
// order.
//
// Plan: a unit is one head of one batch; its queries go in blocks (`attention-blocks.ts`).
// Care: the maximum is subtracted first; a hidden key has weight exactly 0; a query without any allowed key gives o =
// 0 and lse = -3e38; NaN in a row of scores stays in that row.
import {
  allowed,
  BIAS,
  biasAt,
  blockRows,
  clearRow,
  d,
  firstOf,
  flags,
  group,
  H,
  Hk,
  isAnyAllowed,
  keysOf,
  ld,
  movePlace,
  POSITION,
  ROW_VALUES,
  scale,
  scoresOf,
  setSizes,
  share,
  Sk,
  Sq,
  sumOverKeys,
  TENSORS,
  weights,
} from './attention-blocks';
import { exp4, log1 } from './math';
import { max4, sum4, word } from './simd';

const NO_KEYS: f32 = -3e38;

let rowSum: f32 = 0;

// Turns a row's scores into exp(score - largest), 0 for hidden keys, and returns their log-sum-exp.
function expRow(row: usize, mask: usize, first: u32, keys: u32): f32 {
  // pmax is one instruction, unlike max. It skips NaN, which the sum propagates.
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

export function attention(args: usize, from: u32, to: u32): void {
  setSizes(args, 6);
  if (flags & POSITION) movePlace(load<u32>(word(args, TENSORS + (flags & BIAS ? 7 : 6))));
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
    const lse = word(args, TENSORS + 4) + ((<usize>(b * Sq * H + h)) << 2);
    const o = word(args, TENSORS + 5) + b * Sq * ldq + ((<usize>(h * d)) << 2);
    for (let i: u32 = 0; i < Sq; i += maxRows) {
      const rows = min(maxRows, Sq - i);
      const keys = keysOf(i + rows - 1);
      const out = o + i * ldq;
      scoresOf(q + i * ldq, ldq, rows, word(args, TENSORS + 1) + key, ldk, keys, scale, biasAt(h, i), weights);
      for (let r: u32 = 0; r < rows; r++) {
        const row = weights + r * ld;
        const seen = keysOf(i + r);
        store<f32>(lse + ((<usize>((i + r) * H)) << 2), expRow(row, mask, firstOf(i + r), seen));
        store<f32>(inverses + (r << 2), rowSum == 0 ? 0 : 1 / rowSum);
        clearRow(row, seen, keys);
      }
      sumOverKeys(weights, rows, keys, word(args, TENSORS + 2) + key, ldk, 1, out, ldq, 0);
      for (let r: u32 = 0; r < rows; r++) scaleRow(out + r * ldq, load<f32>(inverses + (r << 2)));
    }
  }
}

function scaleRow(at: usize, factor: f32): void {
  let e: u32 = 0;
  for (; e + 4 <= d; e += 4, at += 16) v128.store(at, f32x4.mul(v128.load(at), f32x4.splat(factor)));
  for (; e < d; e++, at += 4) store<f32>(at, load<f32>(at) * factor);
}
