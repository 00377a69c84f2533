// Inner product of two tensors  into[index] = Σ a b
//
//   innerProductParts  parts[g] = Σ of a b over part g of `groups` parts, all but the last of equal length
//   innerProductTotal  into[index] = Σ parts
//
// Arguments: size, groups, index; tensors as listed at each entry. Units: parts; one for the total.
// Care: the parts do not depend on how threads share them, so neither does the sum.
import { element, word } from './simd';
import { dot } from './vectors';

/** Tensors: a, b, parts. */
export function innerProductParts(args: usize, from: u32, to: u32): void {
  const size = word(args, 0);
  const groups = word(args, 1);
  const length = (size + groups - 1) / groups;
  const a = word(args, 3);
  const b = word(args, 4);
  const parts = word(args, 5);
  for (let g = from; g < to; g++) {
    const first = min(size, g * length);
    const count = min(length, size - first);
    store<f32>(element(parts, g), dot(element(a, first), element(b, first), count));
  }
}

/** Tensors: parts, into. */
export function innerProductTotal(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const groups = word(args, 1);
  const parts = word(args, 3);
  let total: f64 = 0;
  for (let g: u32 = 0; g < groups; g++) total += load<f32>(element(parts, g));
  store<f32>(element(word(args, 4), word(args, 2)), <f32>total);
}
