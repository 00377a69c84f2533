// T5's relative position bias  bias[h, i, j] = table[bucket(j − (i + position)), h], and its gradient
//
//   relativeBias          bias [H, Sq, Sk] from table [buckets, H]
//   pairwiseBias          the same from a bucket for every pair (i, j); one bucket hides j from i
//   relativeBiasGradient  dtable[bucket, h] = Σ over (i, j) in that bucket of dbias[h, i, j]
// Entry j − i + offset of a look-up table from the host holds the bucket of that distance. position u32 [1] is the
// index of the first query (generation); 0 in training.
//
// Arguments: H, Sq, Sk, buckets, offset; for pairwiseBias, the hiding bucket and the bias of what it hides; tensors as
// listed at each entry. Units: rows (h, i) of the bias; heads for the gradient.
// Plan: a row is the previous one shifted by one, except for its first element. The gradient sums diagonals, which have
// one bucket each.
// Care: diagonals are summed in f64.
import { element, float, word } from './simd';

/** Tensors: table, buckets, position, bias. */
export function relativeBias(args: usize, from: u32, to: u32): void {
  const H = word(args, 0);
  const Sq = word(args, 1);
  const Sk = word(args, 2);
  const table = word(args, 5);
  const buckets = word(args, 6);
  const position = load<u32>(word(args, 7));
  const bias = word(args, 8);
  for (let row = from; row < to; row++) {
    const first = word(args, 4) - (row % Sq) - position;
    const isCopied = row > from && row % Sq != 0;
    if (isCopied) memory.copy(element(bias, row * Sk + 1), element(bias, (row - 1) * Sk), (<usize>(Sk - 1)) << 2);
    const gathered: u32 = isCopied ? 1 : Sk;
    for (let j: u32 = 0; j < gathered; j++) {
      const bucket = load<u32>(element(buckets, j + first));
      store<f32>(element(bias, row * Sk + j), load<f32>(element(table, bucket * H + row / Sq)));
    }
  }
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
  const Sq = word(args, 1);
  const Sk = word(args, 2);
  const count = word(args, 3);
  const dbias = word(args, 5);
  const buckets = word(args, 6);
  const position = load<u32>(word(args, 7));
  const dtable = word(args, 8);
  for (let h = from; h < to; h++) {
    for (let bucket: u32 = 0; bucket < count; bucket++) store<f32>(element(dtable, bucket * H + h), 0);
    // Diagonal n holds the pairs with j − i = n − (Sq − 1).
    for (let n: u32 = 0; n + 1 < Sq + Sk; n++) {
      const i0 = n < Sq ? Sq - 1 - n : 0;
      const j0 = n < Sq ? 0 : n - (Sq - 1);
      const length = min(Sq - i0, Sk - j0);
      let total: f64 = 0;
      let at = element(dbias, (h * Sq + i0) * Sk + j0);
      for (let pair: u32 = 0; pair < length; pair++) {
        total += load<f32>(at);
        at += (<usize>(Sk + 1)) << 2;
      }
      const bucket = load<u32>(element(buckets, j0 - i0 + word(args, 4) - position));
      if (bucket >= count) continue;
      const sum = element(dtable, bucket * H + h);
      store<f32>(sum, <f32>(load<f32>(sum) + total));
    }
  }
}
