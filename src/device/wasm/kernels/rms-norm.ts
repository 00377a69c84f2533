// RMS norm and its gradients (T5LayerNorm, LlamaRMSNorm; with offset 1 Gemma3RMSNorm)
//
//   rmsNorm                y = x s (offset + w)  [+ d],  s = 1 / √(mean(x²) + eps)
//   rmsNormGradient        dx = s ((offset + w) dy) − x s³ mean((offset + w) dy x)  [+ d]
//   rmsNormWeightGradient  dw[c] = Σ_rows dy x s
// x, y, dy, dx, d [rows, columns]; w, dw [columns]; s is recomputed where needed.
//
// Arguments: rows, columns, eps, offset; whether there is a d, but for the weight; tensors as listed at each entry.
// Units: rows; one for the weight's gradient, since every column needs the scales of all rows.
import { element, float, madd, nmadd, sum4, word } from './simd';
import { dot, storeFirst } from './vectors';

function inverseRms(row: usize, columns: u32, eps: f32): f32 {
  return 1 / sqrt<f32>(dot(row, row, columns) / <f32>columns + eps);
}

/** Tensors: x, weight, y, and d if there is one. */
export function rmsNorm(args: usize, from: u32, to: u32): void {
  const columns = word(args, 1);
  const eps = float(args, 2);
  const shift = f32x4.splat(float(args, 3));
  const weight = word(args, 6);
  for (let row = from; row < to; row++) {
    const x = element(word(args, 5), row * columns);
    const y = element(word(args, 7), row * columns);
    const d = word(args, 4) != 0 ? element(word(args, 8), row * columns) : 0;
    const s = f32x4.splat(inverseRms(x, columns, eps));
    for (let c: u32 = 0; c < columns; c += 4) {
      const scaled = f32x4.mul(v128.load(element(x, c)), s);
      let sum = f32x4.mul(scaled, f32x4.add(shift, v128.load(element(weight, c))));
      if (d != 0) sum = f32x4.add(sum, v128.load(element(d, c)));
      storeFirst(element(y, c), sum, columns - c);
    }
  }
}

/** Tensors: x, weight, dy, dx, and d if there is one. */
export function rmsNormGradient(args: usize, from: u32, to: u32): void {
  const columns = word(args, 1);
  const eps = float(args, 2);
  const offset = float(args, 3);
  const weight = word(args, 6);
  for (let row = from; row < to; row++) {
    const at = row * columns;
    const x = element(word(args, 5), at);
    const d = word(args, 4) != 0 ? element(word(args, 9), at) : 0;
    gradientOfRow(x, weight, element(word(args, 7), at), element(word(args, 8), at), d, columns, eps, offset);
  }
}

/** d is 0 if nothing is added. */
function gradientOfRow(x: usize, w: usize, dy: usize, dx: usize, d: usize, columns: u32, eps: f32, offset: f32): void {
  const s = inverseRms(x, columns, eps);
  const inner = f32x4.splat((weightedDot(w, offset, dy, x, columns) * s * s * s) / <f32>columns);
  const scale = f32x4.splat(s);
  const shift = f32x4.splat(offset);
  for (let c: u32 = 0; c < columns; c += 4) {
    const own = f32x4.mul(f32x4.mul(scale, f32x4.add(shift, v128.load(element(w, c)))), v128.load(element(dy, c)));
    let sum = nmadd(own, v128.load(element(x, c)), inner);
    if (d != 0) sum = f32x4.add(sum, v128.load(element(d, c)));
    storeFirst(element(dx, c), sum, columns - c);
  }
}

/** Σ (offset + w) dy x. */
function weightedDot(w: usize, offset: f32, dy: usize, x: usize, columns: u32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  const shift = f32x4.splat(offset);
  let c: u32 = 0;
  for (; columns - c >= 8; c += 8) {
    const at = (<usize>c) << 2;
    s0 = madd(s0, f32x4.mul(f32x4.add(shift, v128.load(w + at)), v128.load(dy + at)), v128.load(x + at));
    s1 = madd(s1, f32x4.mul(f32x4.add(shift, v128.load(w + at, 16)), v128.load(dy + at, 16)), v128.load(x + at, 16));
  }
  let sum = sum4(f32x4.add(s0, s1));
  for (; c < columns; c++)
    sum += (offset + load<f32>(element(w, c))) * load<f32>(element(dy, c)) * load<f32>(element(x, c));
  return sum;
}

/** Tensors: x, dy, dw. */
export function rmsNormWeightGradient(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const rows = word(args, 0);
  const columns = word(args, 1);
  const eps = float(args, 2);
  const dw = word(args, 6);
  memory.fill(dw, 0, (<usize>columns) << 2);
  for (let row: u32 = 0; row < rows; row++) {
    const x = element(word(args, 4), row * columns);
    const dy = element(word(args, 5), row * columns);
    const s = f32x4.splat(inverseRms(x, columns, eps));
    for (let c: u32 = 0; c < columns; c += 4) {
      const product = f32x4.mul(v128.load(element(dy, c)), v128.load(element(x, c)));
      storeFirst(element(dw, c), madd(v128.load(element(dw, c)), product, s), columns - c);
    }
  }
}
