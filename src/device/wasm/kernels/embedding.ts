// Embedding  y[r] = table[ids[r]], and its gradient  dtable[id] = Σ over rows r with ids[r] = id of dy[r]
//
// table [vocabulary, columns], ids u32 [rows], y [rows, columns]. The table may be some of its rows only, from row `first`
// on: rows of y whose id is not among them are left alone.
//
// Arguments: rows, columns / width, vocabulary, first, scales (words in front of the scales of a packed table); packing (0:
// none, else as in packed.ts), width; tensors as listed at each entry.
// Units: rows of y; of the gradient rows of dtable.
// Plan: rows are copied, or unpacked four values at a time, where a row may begin and end inside four. The gradient walks
// over all ids once for each range of units and adds the rows that fall into it, in order.

import { BF16, F16, INT4, INT8, Packed } from './packed';
import { storeFirst } from './vectors';
import { element, tensor, word } from './words';

class Rows {
  /** Elements from `first` on, `count` of them, as floats. */
  @inline
  static unpack(packing: u32, table: usize, scales: usize, first: u32, count: u32, y: usize): void {
    const end = first + count;
    let at = first;
    for (; at < end && (at & 3) != 0; at++) {
      const four = Packed.four(packing, table, scales, at >> 2);
      const lane = at & 3;
      const value =
        lane == 1 ? f32x4.extract_lane(four, 1) : lane == 2 ? f32x4.extract_lane(four, 2) : f32x4.extract_lane(four, 3);
      store<f32>(element(y, at - first), value);
    }
    for (; at < end; at += 4) {
      storeFirst(element(y, at - first), Packed.four(packing, table, scales, at >> 2), end - at);
    }
  }
}

/** Tensors: table, ids, y. */
export function embedding(args: usize, from: u32, to: u32): void {
  const packing = word(args, 5);
  const columns = word(args, 1) * word(args, 6);
  const vocabulary = word(args, 2);
  const first = word(args, 3);
  const table = tensor(args, 7);
  const scales = element(table, word(args, 4));
  const ids = tensor(args, 8);
  const y = tensor(args, 9);
  for (let r = from; r < to; r++) {
    const row = load<u32>(element(ids, r)) - first; // wraps around where the id is smaller
    if (row >= vocabulary) continue;
    const at = row * columns;
    const out = element(y, r * columns);
    if (packing == 0) memory.copy(out, element(table, at), (<usize>columns) << 2);
    else if (packing == F16) Rows.unpack(F16, table, scales, at, columns, out);
    else if (packing == BF16) Rows.unpack(BF16, table, scales, at, columns, out);
    else if (packing == INT8) Rows.unpack(INT8, table, scales, at, columns, out);
    else Rows.unpack(INT4, table, scales, at, columns, out);
  }
}

/** Tensors: dy, ids, dtable. */
export function embeddingGradient(args: usize, from: u32, to: u32): void {
  const rows = word(args, 0);
  const columns = word(args, 1) * word(args, 6);
  const dy = tensor(args, 7);
  const ids = tensor(args, 8);
  const dtable = tensor(args, 9);
  memory.fill(element(dtable, from * columns), 0, (<usize>(to - from) * columns) << 2);
  for (let r: u32 = 0; r < rows; r++) {
    const id = load<u32>(element(ids, r));
    if (id < from || id >= to) continue;
    for (let c: u32 = 0; c < columns; c += 4) {
      const sum = element(dtable, id * columns + c);
      const value = f32x4.add(v128.load(sum), v128.load(element(dy, r * columns + c)));
      storeFirst(sum, value, columns - c);
    }
  }
}
