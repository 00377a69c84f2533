// Attention over several sets of keys from the attention over each: o = Σ o_s exp l_s / Σ exp l_s
//
// Two or three sets: o1, o2, o3, o [B, S, H, d]; l1, l2, l3 [B, S, H]: log-sum-exp of the scores of each set, from
// attention.
//
// Arguments: size, d, 1, 1, 1 with a third set or 0; o1, l1, o, o2, l2, and o3, l3. Units: heads of tokens, d
// elements each.
// Care: the largest l is subtracted first; a set without any allowed key has l = −3e38 and o = 0.
import { exp1 } from './math';
import { element, madd, word } from './simd';
import { storeFirst } from './vectors';

export function mergeAttention(args: usize, from: u32, to: u32): void {
  const d = word(args, 1);
  const isThree = word(args, 4) > 0;
  const o1 = word(args, 5);
  const o = word(args, 7);
  const o2 = word(args, 8);
  // Without a third set, the second is read again with a weight of 0.
  const o3 = isThree ? word(args, 10) : o2;
  for (let head = from; head < to; head++) {
    const l1 = load<f32>(element(word(args, 6), head));
    const l2 = load<f32>(element(word(args, 9), head));
    const l3 = isThree ? load<f32>(element(word(args, 11), head)) : l2;
    const top = max(max(l1, l2), l3);
    const w1 = exp1(l1 - top);
    const w2 = exp1(l2 - top);
    const w3 = isThree ? exp1(l3 - top) : 0;
    const sum = w1 + w2 + w3;
    const share1 = f32x4.splat(w1 / sum);
    const share2 = f32x4.splat(w2 / sum);
    const share3 = f32x4.splat(w3 / sum);
    for (let e: u32 = 0; e < d; e += 4) {
      const i = head * d + e;
      let mixed = f32x4.mul(share2, v128.load(element(o2, i)));
      if (isThree) mixed = madd(mixed, share3, v128.load(element(o3, i)));
      storeFirst(element(o, i), madd(mixed, share1, v128.load(element(o1, i))), d - e);
    }
  }
}
