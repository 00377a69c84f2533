// T5's relative position bias, and what its gradient needs
//
//   relativeBias          bias[h, t] = table[bucket(t − Sq + 1 − position), h] by distance: [H, Sq + Sk − 1] from table
//                         [buckets, H]; entry t = j − i + Sq − 1 belongs to query i and key j
//   relativeBiasGradient  dtable[bucket, h] = Σ over t in that bucket of dbias[h, t]
//   sumOverDistances      sums[h, t] = Σ over (i, j) at that distance of x[h, i, j]
//   pairwiseBias          bias[h, i, j] from a bucket for every pair (i, j); one bucket hides j from i
// Entry j − i + offset of a look-up table from the host holds the bucket of that distance. position u32 [1] is the
// index of the first query (generation); 0 in training.
//
// Arguments: H, Sq, Sk, buckets, offset; for pairwiseBias, the hiding bucket and the bias of what it hides; tensors as
// listed at each entry. Units: heads; rows (h, i) of the bias for pairwiseBias.
// Care: distances are summed in f64.
import { element, float, word } from './simd';

/** Tensors: table, buckets, position, bias. */
export function relativeBias(args: usize, from: u32, to: u32): void {
  const H = word(args, 0);
  const distances = word(args, 1) + word(args, 2) - 1;
  const table = word(args, 5);
  const buckets = firstBucket(args);
  for (let h = from; h < to; h++) {
    const bias = element(word(args, 8), h * distances);
    for (let t: u32 = 0; t < distances; t++) {
      store<f32>(element(bias, t), load<f32>(element(table, load<u32>(element(buckets, t)) * H + h)));
    }
  }
}

// The address of the bucket of the smallest distance.
function firstBucket(args: usize): usize {
  return element(word(args, 6), word(args, 4) + 1 - word(args, 1) - load<u32>(word(args, 7)));
}

/** Tensors: table, buckets [Sq, Sk], bias. */
export function pairwiseBias(args: usize, from: u32, to: u32): void {
  const H = word(args, 0);
  const Sq = word(args, 1);
  const Sk = word(args, 2);
  const hidden = word(args, 5);
  const none = float(args, 6);
  const table = word(args, 7);
  const buckets = word(args, 8);
  const bias = word(args, 9);
  for (let row = from; row < to; row++) {
    for (let j: u32 = 0; j < Sk; j++) {
      const bucket = load<u32>(element(buckets, (row % Sq) * Sk + j));
      const value = bucket == hidden ? none : load<f32>(element(table, bucket * H + row / Sq));
      store<f32>(element(bias, row * Sk + j), value);
    }
  }
}

/** Tensors: dbias, buckets, position, dtable. */
export function relativeBiasGradient(args: usize, from: u32, to: u32): void {
  const H = word(args, 0);
  const distances = word(args, 1) + word(args, 2) - 1;
  const count = word(args, 3);
  const buckets = firstBucket(args);
  const dtable = word(args, 8);
  for (let h = from; h < to; h++) {
    for (let bucket: u32 = 0; bucket < count; bucket++) store<f32>(element(dtable, bucket * H + h), 0);
    const dbias = element(word(args, 5), h * distances);
    for (let t: u32 = 0; t < distances; t++) {
      const bucket = load<u32>(element(buckets, t));
      if (bucket >= count) continue;
      const sum = element(dtable, bucket * H + h);
      store<f32>(sum, load<f32>(sum) + load<f32>(element(dbias, t)));
    }
  }
}

/** Tensors: x, sums. */
export function sumOverDistances(args: usize, from: u32, to: u32): void {
  const Sq = word(args, 1);
  const Sk = word(args, 2);
  for (let h = from; h < to; h++) {
    for (let t: u32 = 0; t + 1 < Sq + Sk; t++) {
      const i0 = t < Sq ? Sq - 1 - t : 0;
      const j0 = t < Sq ? 0 : t - (Sq - 1);
      const length = min(Sq - i0, Sk - j0);
      let total: f64 = 0;
      let at = element(word(args, 5), (h * Sq + i0) * Sk + j0);
      for (let pair: u32 = 0; pair < length; pair++) {
        total += load<f32>(at);
        at += (<usize>(Sk + 1)) << 2;
      }
      store<f32>(element(word(args, 6), h * (Sq + Sk - 1) + t), <f32>total);
    }
  }
}
