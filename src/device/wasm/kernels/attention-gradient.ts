// The gradients of multi-head attention; formulas, shapes and care: as in `attention.ts`
//
// Plan: a unit is one head of one batch. For attentionGradKv it is one key head of one key batch with all queries that
// read it, so that no two units write to the same place.
import {
  addOverQueries,
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
  keysOf,
  ld,
  scale,
  SCORES,
  scoresOf,
  setSizes,
  share,
  Sk,
  slopes,
  Sq,
  sumOverKeys,
  TENSORS,
  weights,
} from './attention-blocks';
import { exp4 } from './math';
import { word } from './simd';
import { dot } from './vectors';

// In one row, turns scores into p and do · v into ds.
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

// Units: tokens, then one for the mask or the spans, whose integers become floats. Words: d, queries, numbers of the mask
// or of all spans, tokens, H, whether it is the spans; lse, do, o, mask or spans, back.
export function attentionDelta(args: usize, from: u32, to: u32): void {
  const length = word(args, 0);
  const rest = word(args, 2);
  const tokens = word(args, 3);
  const heads = word(args, 4);
  const back: usize = word(args, 10);
  for (let token = from; token < to; token++) {
    if (token == tokens) {
      const end = back + ((<usize>(tokens * heads)) << 3);
      const hiding: usize = word(args, 9);
      if (!word(args, 5)) memory.copy(end, hiding, (<usize>rest) << 2);
      else for (let i: u32 = 0; i < rest; i++) store<f32>(end + (i << 2), <f32>load<u32>(hiding + (i << 2)));
      return;
    }
    for (let head = token * heads; head < (token + 1) * heads; head++) {
      const at = (<usize>(head * length)) << 2;
      const to = back + ((<usize>head) << 3);
      store<f32>(to, load<f32>(word(args, 6) + ((<usize>head) << 2)));
      store<f32>(to, dot(word(args, 7) + at, word(args, 8) + at, length), 4);
    }
  }
}

// Address of a key batch's mask in `back`, after the values of queries.
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
        const back = word(args, TENSORS + 3) + ((<usize>((b * Sq + i + r) * H + h)) << 3);
        const seen = keysOf(i + r);
        const slope = slopes + r * ld;
        slopeRow(weights + r * ld, slope, mask, firstOf(i + r), seen, load<f32>(back), load<f32>(back, 4));
        clearRow(slope, seen, keys);
        if (flags & SCORES)
          saveRow(word(args, TENSORS + (flags & BIAS ? 7 : 6)) + ((<usize>line * Sk) << 2), slope, seen);
      }
      sumOverKeys(slopes, rows, keys, word(args, TENSORS + 1) + key, ldk, scale, word(args, TENSORS + 5) + at, ldq, 0);
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

// Adds the contribution of one head's queries to the gradients of the keys and values they read.
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
      const line = (b * Sq + i + r) * H + h;
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

// Stores ds of a query over all keys.
function saveRow(to: usize, slope: usize, seen: u32): void {
  memory.copy(to, slope, (<usize>seen) << 2);
  memory.fill(to + ((<usize>seen) << 2), 0, (<usize>(Sk - seen)) << 2);
}
