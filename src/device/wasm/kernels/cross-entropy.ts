// Cross-entropy over a vocabulary, its gradient, and the arg-max of the same rows: formulas in `shaders/cross-entropy.wgsl`
//
// Plan: a unit is a row (crossEntropyTotal: all of them), with passes for its largest value, the sum and the output.
// The words of a call are the shader's parameters, then its tensors.
// Care: the maximum is subtracted first. The arg-max is the lowest index of the largest value and skips NaN, which the
// sum propagates.
import { exp1, exp4, log1 } from './math';
import { sum4, word } from './simd';

// Words of a call: sizes, row stride in bytes and index of the first row.
const VOCABULARY: u32 = 1;
const ROW: u32 = 2;
const FIRST: u32 = 3;
const TENSORS: u32 = 4;

// The largest value of a row, ignoring NaN; -Infinity if there is no other.
export function largest(row: usize, count: u32): f32 {
  let tops0 = f32x4.splat(-Infinity);
  let tops1 = tops0;
  let v: u32 = 0;
  for (; v + 8 <= count; v += 8, row += 32) {
    tops0 = f32x4.pmax(tops0, v128.load(row));
    tops1 = f32x4.pmax(tops1, v128.load(row, 16));
  }
  const tops = f32x4.pmax(tops0, tops1);
  let top = max<f32>(
    max<f32>(f32x4.extract_lane(tops, 0), f32x4.extract_lane(tops, 1)),
    max<f32>(f32x4.extract_lane(tops, 2), f32x4.extract_lane(tops, 3)),
  );
  for (; v < count; v++, row += 4) {
    const value = load<f32>(row);
    if (value > top) top = value;
  }
  return top;
}

// log Σ exp of a row whose largest value is `top`.
export function logSumExp(row: usize, count: u32, top: f32): f32 {
  const largest = f32x4.splat(top);
  let sums0 = f32x4.splat(0);
  let sums1 = sums0;
  let v: u32 = 0;
  for (; v + 8 <= count; v += 8, row += 32) {
    sums0 = f32x4.add(sums0, exp4(f32x4.sub(v128.load(row), largest)));
    sums1 = f32x4.add(sums1, exp4(f32x4.sub(v128.load(row, 16), largest)));
  }
  let sum = sum4(f32x4.add(sums0, sums1));
  for (; v < count; v++, row += 4) sum += exp1(load<f32>(row) - top);
  return top + log1(sum);
}

// The lowest index of a value in a row; 0 if absent.
function placeOf(row: usize, count: u32, value: f32): u32 {
  const wanted = f32x4.splat(value);
  let v: u32 = 0;
  while (v + 4 <= count && !v128.any_true(f32x4.eq(v128.load(row + ((<usize>v) << 2)), wanted))) v += 4;
  for (; v < count; v++) if (load<f32>(row + ((<usize>v) << 2)) == value) return v;
  return 0;
}

export function crossEntropyRows(args: usize, from: u32, to: u32): void {
  const count = word(args, VOCABULARY);
  const ld = (<usize>word(args, ROW)) << 2;
  const first = word(args, FIRST);
  for (let r = from; r < to; r++) {
    const row = word(args, TENSORS) + r * ld;
    const at = (<usize>(first + r)) << 2;
    const label = load<i32>(word(args, TENSORS + 1) + at);
    const sum = logSumExp(row, count, largest(row, count));
    store<f32>(word(args, TENSORS + 2) + at, label < 0 ? 0 : sum - load<f32>(row + ((<usize>label) << 2)));
    store<f32>(word(args, TENSORS + 3) + at, sum);
  }
}

export function crossEntropyTotal(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const rows = word(args, 0);
  const loss = <usize>word(args, TENSORS);
  const weight = <usize>word(args, TENSORS + 1);
  // In f64: there are few rows, and a large batch's sum stays exact.
  let sum: f64 = 0;
  for (let at: usize = 0; at < (<usize>rows) << 2; at += 4) {
    sum += <f64>load<f32>(weight + at) * <f64>load<f32>(loss + at);
  }
  store<f32>(word(args, TENSORS + 2), <f32>sum);
}

export function crossEntropyGradient(args: usize, from: u32, to: u32): void {
  const count = word(args, VOCABULARY);
  const ld = (<usize>word(args, ROW)) << 2;
  const first = word(args, FIRST);
  const dtotal = load<f32>(word(args, TENSORS + 4));
  for (let r = from; r < to; r++) {
    let at = word(args, TENSORS) + r * ld;
    const place = (<usize>(first + r)) << 2;
    const label = load<i32>(word(args, TENSORS + 1) + place);
    if (label < 0) {
      memory.fill(at, 0, (<usize>count) << 2);
      continue;
    }
    const lse = load<f32>(word(args, TENSORS + 2) + place);
    const factor = dtotal * load<f32>(word(args, TENSORS + 3) + place);
    const less = f32x4.splat(lse);
    const times = f32x4.splat(factor);
    const target = at + ((<usize>label) << 2);
    const hit = factor * (exp1(load<f32>(target) - lse) - 1);
    let v: u32 = 0;
    for (; v + 4 <= count; v += 4, at += 16) {
      v128.store(at, f32x4.mul(times, exp4(f32x4.sub(v128.load(at), less))));
    }
    for (; v < count; v++, at += 4) store<f32>(at, factor * exp1(load<f32>(at) - lse));
    store<f32>(target, hit);
  }
}

export function argMax(args: usize, from: u32, to: u32): void {
  const count = word(args, VOCABULARY);
  const ld = (<usize>word(args, ROW)) << 2;
  for (let r = from; r < to; r++) {
    const row = word(args, TENSORS) + r * ld;
    store<u32>(word(args, TENSORS + 1) + ((<usize>r) << 2), placeOf(row, count, largest(row, count)));
  }
}

export function choiceLosses(args: usize, from: u32, to: u32): void {
  const count = word(args, VOCABULARY);
  const ld = (<usize>word(args, ROW)) << 2;
  const nodes = word(args, 4);
  const choices = word(args, 5);
  const begins = <usize>word(args, 7);
  const tokens = <usize>word(args, 8);
  for (let r = from; r < to; r++) {
    const row = word(args, 6) + r * ld;
    const ofAll = word(args, FIRST) + r;
    const node = ofAll % nodes;
    const loss = word(args, 9) + ((<usize>((ofAll / nodes) * choices)) << 2);
    const top = largest(row, count);
    const sum = logSumExp(row, count, top);
    store<u32>(word(args, 10) + ((<usize>ofAll) << 2), placeOf(row, count, top));
    const end = load<u32>(begins + ((<usize>(node + 1)) << 2));
    for (let c = load<u32>(begins + ((<usize>node) << 2)); c < end; c++) {
      const token = load<u32>(tokens + ((<usize>c) << 2));
      store<f32>(loss + ((<usize>c) << 2), sum - load<f32>(row + ((<usize>token) << 2)));
    }
  }
}
