// Adam, clipping and norms over stacks of tensors
//
// A stack holds `count` tensors of one shape, `stride` elements apart.
//   innerProducts  products[i] = Σ x y  of tensors i                        (`size` elements each)
//   clipFactor   norm = √(Σ squares), factor = min(1, limit / (norm + 1e-6))         (torch clip_grad_norm_)
//   adam         g = factor x;  m = b1 m + (1 − b1) g;  v = b2 v + (1 − b2) g²;  update = rate m / (√v + eps)
//                with eps added to the uncorrected root; rate = rates[index] includes the bias correction
//   adamInto     the same, but  w = w − scale update  instead of the update
//   applyUpdate  w = w − scale update
//
// Arguments: count, size, stride, index, beta1, beta2, eps, limit, scale; elements of a unit (a multiple of four);
// tensors as listed at each entry. Units: tensors for innerProducts, one for clipFactor, else that many consecutive elements.
// Plan: four elements at a time, including those between the tensors of a stack.
import { element, float, madd, nmadd, word } from './simd';
import { dot, storeFirst } from './vectors';

/** Tensors: x, y, products. */
export function innerProducts(args: usize, from: u32, to: u32): void {
  const size = word(args, 1);
  const stride = word(args, 2);
  for (let n = from; n < to; n++) {
    const product = dot(element(word(args, 10), n * stride), element(word(args, 11), n * stride), size);
    store<f32>(element(word(args, 12), n), product);
  }
}

/** Tensors: squares, clip [norm, factor]. */
export function clipFactor(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const count = word(args, 0);
  const squared = word(args, 10);
  const clip = word(args, 11);
  let total: f64 = 0;
  for (let i: u32 = 0; i < count; i++) total += load<f32>(element(squared, i));
  const norm = <f32>sqrt(total);
  store<f32>(clip, norm);
  store<f32>(clip, min<f32>(1, float(args, 7) / (norm + 1e-6)), 4); // NaN stays
}

/** Tensors: x, clip, m, v, rates, update. */
export function adam(args: usize, from: u32, to: u32): void {
  step(false, args, from, to);
}

/** Tensors: x, clip, m, v, rates, weights. */
export function adamInto(args: usize, from: u32, to: u32): void {
  step(true, args, from, to);
}

// @inline
function step(isInto: bool, args: usize, from: u32, to: u32): void {
  const unit = word(args, 9);
  const end = min(word(args, 0) * word(args, 2), to * unit);
  const x = word(args, 10);
  const factor = v128.load32_splat(word(args, 11), 4);
  const m = word(args, 12);
  const v = word(args, 13);
  const rate = v128.load32_splat(element(word(args, 14), word(args, 3)));
  const out = word(args, 15);
  let i = from * unit;
  for (; i + 4 <= end; i += 4)
    stepFour(isInto, args, factor, rate, element(x, i), element(m, i), element(v, i), element(out, i), 4);
  if (i < end)
    stepFour(isInto, args, factor, rate, element(x, i), element(m, i), element(v, i), element(out, i), end - i);
}

/** Updates four elements and stores the first `count`. */
// @inline
function stepFour(
  isInto: bool,
  args: usize,
  factor: v128,
  rate: v128,
  x: usize,
  m: usize,
  v: usize,
  out: usize,
  count: u32,
): void {
  const beta1 = v128.load32_splat(args, 16);
  const beta2 = v128.load32_splat(args, 20);
  const one = f32x4.splat(1);
  const g = f32x4.mul(v128.load(x), factor);
  const first = madd(f32x4.mul(f32x4.sub(one, beta1), g), beta1, v128.load(m));
  const second = madd(f32x4.mul(f32x4.mul(f32x4.sub(one, beta2), g), g), beta2, v128.load(v));
  const root = f32x4.add(f32x4.sqrt(second), v128.load32_splat(args, 24));
  let step = f32x4.div(f32x4.mul(rate, first), root);
  if (isInto) step = nmadd(v128.load(out), v128.load32_splat(args, 32), step);
  storeFirst(m, first, count);
  storeFirst(v, second, count);
  storeFirst(out, step, count);
}

/** Tensors: update, weights. */
export function applyUpdate(args: usize, from: u32, to: u32): void {
  const unit = word(args, 9);
  const end = min(word(args, 0) * word(args, 2), to * unit);
  const scale = f32x4.splat(float(args, 8));
  const update = word(args, 10);
  const weights = word(args, 11);
  for (let i = from * unit; i < end; i += 4) {
    const moved = nmadd(v128.load(element(weights, i)), scale, v128.load(element(update, i)));
    storeFirst(element(weights, i), moved, end - i);
  }
}
