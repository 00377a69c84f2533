// Attention over two sets of keys from the attention over each: o = (o1 exp l1 + o2 exp l2) / (exp l1 + exp l2)
//
// o1, o2, o [B, S, H, d]; l1, l2 [B, H, S]: log-sum-exp of the scores of each set, from attention.
//
// Arguments: size, S, H, d, 1, 1; o1, l1, o, o2, l2. Units: heads of tokens, d elements each.
// Care: the larger of l1 and l2 is subtracted first; a set without any allowed key has l = −3e38 and o = 0.
import { exp1 } from './math';
import { element, madd, word } from './simd';
import { storeFirst } from './vectors';

export function mergeAttention(args: usize, from: u32, to: u32): void {
  const S = word(args, 1);
  const H = word(args, 2);
  const d = word(args, 3);
  const o1 = word(args, 6);
  const o = word(args, 8);
  const o2 = word(args, 9);
  for (let head = from; head < to; head++) {
    const token = head / H;
    const at = ((token / S) * H + (head % H)) * S + (token % S);
    const l1 = load<f32>(element(word(args, 7), at));
    const l2 = load<f32>(element(word(args, 10), at));
    const top = max(l1, l2);
    const w1 = exp1(l1 - top);
    const w2 = exp1(l2 - top);
    const share1 = f32x4.splat(w1 / (w1 + w2));
    const share2 = f32x4.splat(w2 / (w1 + w2));
    for (let e: u32 = 0; e < d; e += 4) {
      const i = head * d + e;
      const second = f32x4.mul(share2, v128.load(element(o2, i)));
      storeFirst(element(o, i), madd(second, share1, v128.load(element(o1, i))), d - e);
    }
  }
}
