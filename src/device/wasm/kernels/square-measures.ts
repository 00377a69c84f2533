// Numbers that describe a square matrix x [n, n]
//
//   squareTrace     into[index] = Σ x[i][i]
//   squareLargest   into[index] = max |x[i][j]|
//
// Arguments: n, index; x, into. Units: one.
// Care: NaN counts as the largest float.
import { element, word } from './simd';

const LARGEST: f32 = 3.4e38;

export function squareTrace(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const n = word(args, 0);
  let sum: f64 = 0;
  for (let i: u32 = 0; i < n; i++) sum += load<f32>(element(word(args, 2), i * n + i));
  store<f32>(element(word(args, 3), word(args, 1)), <f32>sum);
}

export function squareLargest(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const n = word(args, 0);
  let largest: f32 = 0;
  for (let i: u32 = 0; i < n * n; i++) {
    const value = abs<f32>(load<f32>(element(word(args, 2), i)));
    largest = max<f32>(largest, value < LARGEST ? value : LARGEST);
  }
  store<f32>(element(word(args, 3), word(args, 1)), largest);
}
