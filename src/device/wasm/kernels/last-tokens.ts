// The last tokens of every row, and the gradient of taking them
//
//   lastTokens          y[b, t, c]  = x[b, S − T + t, c]
//   lastTokensGradient  dx[b, s, c] = s < S − T ? 0 : dy[b, s − (S − T), c]
// x [B, S, columns], y [B, T, columns], T ≤ S.
//
// Arguments: elements of the result, S, T, columns; source, result. Units: rows b.
import { element, word } from './simd';

/** Tensors: x, y. */
export function lastTokens(args: usize, from: u32, to: u32): void {
  const columns = word(args, 3);
  const all = word(args, 1) * columns;
  const last = word(args, 2) * columns;
  for (let b = from; b < to; b++) {
    memory.copy(element(word(args, 5), b * last), element(word(args, 4), (b + 1) * all - last), (<usize>last) << 2);
  }
}

/** Tensors: dy, dx. */
export function lastTokensGradient(args: usize, from: u32, to: u32): void {
  const columns = word(args, 3);
  const all = word(args, 1) * columns;
  const last = word(args, 2) * columns;
  const dx = word(args, 5);
  for (let b = from; b < to; b++) {
    memory.fill(element(dx, b * all), 0, (<usize>(all - last)) << 2);
    memory.copy(element(dx, (b + 1) * all - last), element(word(args, 4), b * last), (<usize>last) << 2);
  }
}
