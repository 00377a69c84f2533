// Embedding  y[r] = table[ids[r]], and its gradient  dtable[id] = Σ over rows r with ids[r] = id of dy[r]
//
// table [vocabulary, columns], ids u32 [rows], y [rows, columns]. The table may be only a range of its rows, from
// `first` on; rows of y with an id outside are left alone.
//
// Arguments: rows, columns / width, vocabulary, first, scales (words before the scales of a packed table); packing (as
// in unpack.ts), width; tensors as listed at each entry. Units: rows of y; for the gradient, rows of dtable.
// Plan: rows are copied or unpacked. The gradient scans all ids once per range of units and adds the matching rows in
// order.
import { element, word } from './simd';
import { F32, unpackRow } from './unpack';
import { storeFirst } from './vectors';

/** Tensors: table, ids, y. */
export function embedding(args: usize, from: u32, to: u32): void {
  const packing = word(args, 5);
  const columns = word(args, 1) * word(args, 6);
  const vocabulary = word(args, 2);
  const first = word(args, 3);
  const table = word(args, 7);
  const scales = element(table, word(args, 4));
  const ids = word(args, 8);
  const y = word(args, 9);
  for (let r = from; r < to; r++) {
    const row = load<u32>(element(ids, r)) - first; // wraps around if the id is smaller
    if (row >= vocabulary) continue;
    const at = row * columns;
    const out = element(y, r * columns);
    if (packing == F32) memory.copy(out, element(table, at), (<usize>columns) << 2);
    else unpackRow(packing, table, scales, at, columns, out);
  }
}

/** Tensors: dy, ids, dtable. */
export function embeddingGradient(args: usize, from: u32, to: u32): void {
  const rows = word(args, 0);
  const columns = word(args, 1) * word(args, 6);
  const dy = word(args, 7);
  const ids = word(args, 8);
  const dtable = word(args, 9);
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
