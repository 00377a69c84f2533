// Numbers that describe a square matrix x [n, n]
//
//   squareTrace     into[index] = Σ x[i][i], where count = n
//   squareLargest   into[index + g] = max |x[i]| of part g: `each` of `count` elements
//
// Arguments: count, each, index; x, into. Units: parts; one for the trace.
// Care: NaN counts as the largest float.
import { element, word } from './simd';

const LARGEST: f32 = 3.4e38;

export function squareTrace(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const n = word(args, 0);
  let sum: f64 = 0;
  for (let i: u32 = 0; i < n; i++) sum += load<f32>(element(word(args, 3), i * n + i));
  store<f32>(element(word(args, 4), word(args, 2)), <f32>sum);
}

export function squareLargest(args: usize, from: u32, to: u32): void {
  const count = word(args, 0);
  const each = word(args, 1);
  for (let g = from; g < to; g++) {
    const end = min(count, (g + 1) * each);
    let largest: f32 = 0;
    for (let i = g * each; i < end; i++) {
      const value = abs<f32>(load<f32>(element(word(args, 3), i)));
      largest = max<f32>(largest, value < LARGEST ? value : LARGEST);
    }
    store<f32>(element(word(args, 4), word(args, 2) + g), largest);
  }
}
