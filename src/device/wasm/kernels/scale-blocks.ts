// Blocks of columns, each times a number of its example, and the gradient of these numbers
//
//   scaleBlocks          y[b, t, c] = x[b, t, c] factors[c / width, b]
//   scaleBlocksGradient  d[n, b]    = Σ_t Σ_c of block n  dy[b, t, c] x[b, t, c]
// x [B, T, columns], factors [n, B], columns = n width.
//
// Arguments: elements of x, B, T, columns, width; x, factors or dy, result. Units: tokens of x; numbers of the gradient.
// Care: a gradient is summed in f64.
import { element, word } from './simd';
import { dot, storeFirst } from './vectors';

/** Tensors: x, factors, y. */
export function scaleBlocks(args: usize, from: u32, to: u32): void {
  const rows = word(args, 1);
  const tokens = word(args, 2);
  const columns = word(args, 3);
  const width = word(args, 4);
  const x = word(args, 5);
  const factors = word(args, 6);
  const y = word(args, 7);
  for (let token = from; token < to; token++) {
    const b = token / tokens;
    const end = (token + 1) * columns;
    let n: u32 = 0;
    for (let first = token * columns; first < end; first += width) {
      const factor = f32x4.splat(load<f32>(element(factors, n * rows + b)));
      for (let c: u32 = 0; c < width; c += 4) {
        storeFirst(element(y, first + c), f32x4.mul(factor, v128.load(element(x, first + c))), width - c);
      }
      n++;
    }
  }
}

/** Tensors: x, dy, d. */
export function scaleBlocksGradient(args: usize, from: u32, to: u32): void {
  const rows = word(args, 1);
  const tokens = word(args, 2);
  const columns = word(args, 3);
  const width = word(args, 4);
  const x = word(args, 5);
  const dy = word(args, 6);
  for (let at = from; at < to; at++) {
    const first = (at % rows) * tokens * columns + (at / rows) * width;
    let sum: f64 = 0;
    for (let t: u32 = 0; t < tokens; t++) {
      const place = first + t * columns;
      sum += dot(element(dy, place), element(x, place), width);
    }
    store<f32>(element(word(args, 7), at), <f32>sum);
  }
}
