// Small steps of greedy generation
//
//   appendToCaches keys[places[b] + position] = k[b], values[places[b] + position] = v[b]
//                  keys, values [M, columns]; k, v [B, columns]
//   nextToken      tokens[b, position + 1] = done[b] ? pad : best[b];  done[b] |= best[b] in ends;
//                  current[b] = that token, the input of the next step;  remaining = rows not done;  position += 1
// `position` u32 [1] is the index of the token being read.
//
// Arguments: B, columns, capacity, pad; for nextToken, the number of ends and the ends; tensors as listed at each
// entry.
// Units: rows of k and v for appendToCaches, one for nextToken.
import { element, word } from './simd';

/** Tensors: k, v, places, position, keys, values. */
export function appendToCaches(args: usize, from: u32, to: u32): void {
  const columns = word(args, 1);
  const position = load<u32>(word(args, 7));
  for (let b = from; b < to; b++) {
    const place = (load<u32>(element(word(args, 6), b)) + position) * columns;
    memory.copy(element(word(args, 8), place), element(word(args, 4), b * columns), (<usize>columns) << 2);
    memory.copy(element(word(args, 9), place), element(word(args, 5), b * columns), (<usize>columns) << 2);
  }
}

/** Tensors: best, position, current, done, tokens, remaining; all u32. */
export function nextToken(args: usize, from: u32, to: u32): void {
  if (from >= to) return;
  const B = word(args, 0);
  const capacity = word(args, 2);
  const pad = word(args, 3);
  const ends = word(args, 4);
  const first = 5 + ends;
  const best = word(args, first);
  const position = word(args, first + 1);
  const current = word(args, first + 2);
  const done = word(args, first + 3);
  const tokens = word(args, first + 4);
  const place = load<u32>(position) + 1;
  let open: u32 = 0;
  for (let b: u32 = 0; b < B; b++) {
    const wasDone = load<u32>(element(done, b)) != 0;
    const token = wasDone ? pad : load<u32>(element(best, b));
    let isDone = wasDone;
    for (let e: u32 = 0; e < ends; e++) isDone = isDone || token == word(args, 5 + e);
    if (isDone && !wasDone) store<u32>(element(done, b), 1);
    if (!isDone) open++;
    store<u32>(element(current, b), token);
    store<u32>(element(tokens, b * capacity + place), token);
  }
  store<u32>(word(args, first + 5), open);
  store<u32>(position, place);
}
