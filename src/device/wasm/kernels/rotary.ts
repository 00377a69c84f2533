// Rotary position embedding (Su et al. 2021) in the halves layout of Hugging Face (apply_rotary_pos_emb), and its gradient
//
//   y[e]     = x[e] cos a − x[e + d/2] sin a
//   y[e+d/2] = x[e + d/2] cos a + x[e] sin a          e < d/2, a = n · frequency[e]; the gradient rotates back: a → −a
// of one or two tensors x, y [N, heads, d]. Token i is at n = max(0, positions[i] + offset). table [reach, d], from the
// host: cos of the d/2 angles of a position, then sin.
//
// Arguments: pairs, half = d/2, reach, heads of both tensors, the second 0 if there is one; whether to rotate back; table,
// positions, offset, then x and y of each tensor. Units: tokens.
// Care: positions beyond the table read its last one, as in the WGSL.
import { element, madd, nmadd, word } from './simd';
import { storeFirst } from './vectors';

export function rotary(args: usize, from: u32, to: u32): void {
  const half = word(args, 1);
  const reach = <i32>word(args, 2);
  const turn = f32x4.splat(word(args, 5) != 0 ? -1 : 1);
  const offset = load<i32>(word(args, 8));
  for (let token = from; token < to; token++) {
    const n = max<i32>(0, min<i32>(load<i32>(element(word(args, 7), token)) + offset, reach - 1));
    const cosines = element(word(args, 6), <u32>n * half * 2);
    for (let tensor: u32 = 0; tensor < 2; tensor++) {
      const heads = word(args, 3 + tensor);
      if (heads == 0) continue;
      for (let head = token * heads; head < (token + 1) * heads; head++) {
        const x = element(word(args, 9 + 2 * tensor), head * half * 2);
        const y = element(word(args, 10 + 2 * tensor), head * half * 2);
        turnHead(turn, cosines, element(cosines, half), x, y, half);
      }
    }
  }
}

// @inline
function turnHead(turn: v128, cosines: usize, sines: usize, x: usize, y: usize, half: u32): void {
  let e: u32 = 0;
  for (; e + 4 <= half; e += 4) turnFour(turn, cosines, sines, x, y, half, e, 4);
  if (e < half) turnFour(turn, cosines, sines, x, y, half, e, half - e);
}

/** Rotates four pairs from pair e on and stores the first `count`. */
// @inline
function turnFour(turn: v128, cosines: usize, sines: usize, x: usize, y: usize, half: u32, e: u32, count: u32): void {
  const c = v128.load(element(cosines, e));
  const s = f32x4.mul(turn, v128.load(element(sines, e)));
  const u = v128.load(element(x, e));
  const v = v128.load(element(x, e + half));
  storeFirst(element(y, e), nmadd(f32x4.mul(u, c), v, s), count);
  storeFirst(element(y, e + half), madd(f32x4.mul(v, c), u, s), count);
}
