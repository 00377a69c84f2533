// T5's relative position bias by distance: bias[h, t] = table[bucket t, h], [H, distances] from table [buckets, H]
//
// Arguments: H, distances; table, the bucket of every distance, bias. Units: heads.
import { element, word } from './simd';

export function relativeBias(args: usize, from: u32, to: u32): void {
  const H = word(args, 0);
  const distances = word(args, 1);
  for (let h = from; h < to; h++) {
    const bias = element(word(args, 4), h * distances);
    for (let t: u32 = 0; t < distances; t++) {
      const bucket = load<u32>(element(word(args, 3), t));
      store<f32>(element(bias, t), load<f32>(element(word(args, 2), bucket * H + h)));
    }
  }
}
