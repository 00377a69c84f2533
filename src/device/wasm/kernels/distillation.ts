// Kullback–Leibler divergence of rows of scores from those of a teacher, and its gradient: formulas in
// `shaders/distillation.wgsl`
//
// Arguments: rows, V; tensors as listed at each entry. Units: rows.
// Care: the maximum is subtracted first.
import { largest, logSumExp } from './cross-entropy';
import { exp1, exp4 } from './math';
import { element, word } from './simd';
import { storeFirst } from './vectors';

/** Tensors: scores, teacher, labels, loss, lse. */
export function divergenceRows(args: usize, from: u32, to: u32): void {
  const count = word(args, 1);
  for (let r = from; r < to; r++) {
    const scores = element(word(args, 2), r * count);
    const teacher = element(word(args, 3), r * count);
    const own = logSumExp(scores, count, largest(scores, count));
    const other = logSumExp(teacher, count, largest(teacher, count));
    let sum: f64 = 0;
    for (let v: u32 = 0; v < count; v++) {
      const log = load<f32>(element(teacher, v)) - other;
      sum += <f64>(exp1(log) * (log - (load<f32>(element(scores, v)) - own)));
    }
    const label = load<i32>(element(word(args, 4), r));
    store<f32>(element(word(args, 5), r), label < 0 ? 0 : <f32>sum);
    store<f32>(element(word(args, 6), 2 * r), own);
    store<f32>(element(word(args, 6), 2 * r + 1), other);
  }
}

/** Tensors: scores, teacher, labels, lse, dloss, out. */
export function divergenceGradient(args: usize, from: u32, to: u32): void {
  const count = word(args, 1);
  for (let r = from; r < to; r++) {
    const scores = element(word(args, 2), r * count);
    const teacher = element(word(args, 3), r * count);
    const out = element(word(args, 7), r * count);
    const label = load<i32>(element(word(args, 4), r));
    if (label < 0) {
      memory.fill(out, 0, (<usize>count) << 2);
      continue;
    }
    const own = f32x4.splat(load<f32>(element(word(args, 5), 2 * r)));
    const other = f32x4.splat(load<f32>(element(word(args, 5), 2 * r + 1)));
    const factor = f32x4.splat(load<f32>(element(word(args, 6), r)));
    for (let v: u32 = 0; v < count; v += 4) {
      const p = exp4(f32x4.sub(v128.load(element(scores, v)), own));
      const q = exp4(f32x4.sub(v128.load(element(teacher, v)), other));
      storeFirst(element(out, v), f32x4.mul(factor, f32x4.sub(p, q)), count - v);
    }
  }
}
