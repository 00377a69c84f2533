// Distance of the columns of S from orthonormal, from the Gram matrices G = SᵀS of a stack
//
//   error[n] = max over i, j of |G[n][i][j] − d(i, j)|        G: [count, k, k], one after another
//   d(i, j)  = 1 if i = j and G[n][j][j] is not 0, else 0
//
// Arguments: count, k; gram, error. Units: matrices.
// Care: NaN counts as the largest float.
import { element, word } from './simd';

const LARGEST: f32 = 3.4e38;

export function orthonormality(args: usize, from: u32, to: u32): void {
  const k = word(args, 1);
  const gram = word(args, 2);
  for (let n = from; n < to; n++) {
    let largest: f32 = 0;
    for (let i: u32 = 0; i < k; i++) {
      for (let j: u32 = 0; j < k; j++) {
        const value = load<f32>(element(gram, (n * k + i) * k + j));
        const length: f32 = value != 0 ? 1 : 0;
        const error = abs<f32>(i == j ? value - length : value);
        largest = max<f32>(largest, error < LARGEST ? error : LARGEST);
      }
    }
    store<f32>(element(word(args, 3), n), largest);
  }
}
