// T5's relative position bias
//
//   relativeBias  bias[h, t] = table[bucket(t − Sq + 1 − position), h] by distance: [H, Sq + Sk − 1] from table
//                 [buckets, H]; entry t = j − i + Sq − 1 belongs to query i and key j
//   pairwiseBias  bias[h, i, j] from a bucket for every pair (i, j); one bucket hides j from i
// Entry j − i + offset of a look-up table from the host holds the bucket of that distance. position u32 [1] is the
// index of the first query (generation); 0 in training.
//
// Arguments: H, Sq, Sk, offset; for pairwiseBias, the hiding bucket and the bias of what it hides; tensors as listed at
// each entry. Units: heads; rows (h, i) of the bias for pairwiseBias.
import { element, float, word } from './simd';

/** Tensors: table, buckets, position, bias. */
export function relativeBias(args: usize, from: u32, to: u32): void {
  const H = word(args, 0);
  const distances = word(args, 1) + word(args, 2) - 1;
  const table = word(args, 4);
  // The bucket of the smallest distance.
  const buckets = element(word(args, 5), word(args, 3) + 1 - word(args, 1) - load<u32>(word(args, 6)));
  for (let h = from; h < to; h++) {
    const bias = element(word(args, 7), h * distances);
    for (let t: u32 = 0; t < distances; t++) {
      store<f32>(element(bias, t), load<f32>(element(table, load<u32>(element(buckets, t)) * H + h)));
    }
  }
}

/** Tensors: table, buckets [Sq, Sk], bias. */
export function pairwiseBias(args: usize, from: u32, to: u32): void {
  const H = word(args, 0);
  const Sq = word(args, 1);
  const Sk = word(args, 2);
  const hidden = word(args, 4);
  const none = float(args, 5);
  const table = word(args, 6);
  const buckets = word(args, 7);
  const bias = word(args, 8);
  for (let row = from; row < to; row++) {
    for (let j: u32 = 0; j < Sk; j++) {
      const bucket = load<u32>(element(buckets, (row % Sq) * Sk + j));
      const value = bucket == hidden ? none : load<f32>(element(table, bucket * H + row / Sq));
      store<f32>(element(bias, row * Sk + j), value);
    }
  }
}
