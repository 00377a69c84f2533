// Kullback–Leibler divergence of rows of scores from those of a teacher, and its gradient: formulas in
// `shaders/distillation.wgsl`
//
// Arguments: rows, V, omits; tensors as listed at each entry. Units: rows.
// Care: the maximum is subtracted first.
import { largest, logSumExp } from './cross-entropy';
import { exp1, exp4 } from './math';
import { element, word } from './simd';
import { storeFirst } from './vectors';

/** log Σ exp of a row, if `omits` without one of its tokens, which lies inside it; 0 if there is no other. */
function sumOf(row: usize, count: u32, omits: bool, omitted: u32): f32 {
  if (!omits) return logSumExp(row, count, largest(row, count));
  if (count == 1) return 0;
  const rest = element(row, omitted + 1);
  const before = omitted;
  const after = count - omitted - 1;
  const top =
    before == 0
      ? largest(rest, after)
      : after == 0
        ? largest(row, before)
        : max(largest(row, before), largest(rest, after));
  let sum: f64 = 0;
  for (let v: u32 = 0; v < count; v++) if (v != omitted) sum += <f64>exp1(load<f32>(element(row, v)) - top);
  return top + <f32>Math.log(sum);
}

/** Tensors: scores, teacher, labels, loss, lse. */
export function divergenceRows(args: usize, from: u32, to: u32): void {
  const count = word(args, 1);
  const omits = word(args, 2) == 1;
  for (let r = from; r < to; r++) {
    const scores = element(word(args, 3), r * count);
    const teacher = element(word(args, 4), r * count);
    const label = load<i32>(element(word(args, 5), r));
    const omitted = omits && label >= 0;
    const own = sumOf(scores, count, omitted, <u32>label);
    const other = sumOf(teacher, count, omitted, <u32>label);
    let sum: f64 = 0;
    for (let v: u32 = 0; v < count; v++) {
      if (omitted && v == <u32>label) continue;
      const log = load<f32>(element(teacher, v)) - other;
      sum += <f64>(exp1(log) * (log - (load<f32>(element(scores, v)) - own)));
    }
    store<f32>(element(word(args, 6), r), label < 0 ? 0 : <f32>sum);
    store<f32>(element(word(args, 7), 2 * r), own);
    store<f32>(element(word(args, 7), 2 * r + 1), other);
  }
}

/** Tensors: scores, teacher, labels, lse, dloss, out. */
export function divergenceGradient(args: usize, from: u32, to: u32): void {
  const count = word(args, 1);
  const omits = word(args, 2) == 1;
  for (let r = from; r < to; r++) {
    const scores = element(word(args, 3), r * count);
    const teacher = element(word(args, 4), r * count);
    const out = element(word(args, 8), r * count);
    const label = load<i32>(element(word(args, 5), r));
    if (label < 0) {
      memory.fill(out, 0, (<usize>count) << 2);
      continue;
    }
    const own = f32x4.splat(load<f32>(element(word(args, 6), 2 * r)));
    const other = f32x4.splat(load<f32>(element(word(args, 6), 2 * r + 1)));
    const factor = f32x4.splat(load<f32>(element(word(args, 7), r)));
    for (let v: u32 = 0; v < count; v += 4) {
      const p = exp4(f32x4.sub(v128.load(element(scores, v)), own));
      const q = exp4(f32x4.sub(v128.load(element(teacher, v)), other));
      storeFirst(element(out, v), f32x4.mul(factor, f32x4.sub(p, q)), count - v);
    }
    if (omits) store<f32>(element(out, label), 0);
  }
}
