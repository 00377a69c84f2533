// Copies operands of a product into the order in which register tiles read them
//
//   panel   [k, 8]: eight columns, k after k; the last one of a matrix may be [k, 4]. Padded with 0 past the edge.
//   rows    [rows, k], k after k: transposed from [k, rows]
//
// Addresses and strides (`ld`) are in bytes.

/** Transposes four rows of four floats, `ld` apart, to rows `step` apart. */
// @inline
export function transpose4(from: usize, ld: usize, to: usize, step: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + ld);
  const r2 = v128.load(from + 2 * ld);
  const r3 = v128.load(from + 3 * ld);
  const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const t2 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(t0, t1, 0, 1, 4, 5));
  v128.store(to + step, v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
  v128.store(to + 2 * step, v128.shuffle<f32>(t2, t3, 0, 1, 4, 5));
  v128.store(to + 3 * step, v128.shuffle<f32>(t2, t3, 2, 3, 6, 7));
}

/** Width of the panel for the last `left` columns: 4 if that is enough. */
// @inline
export function panelWidth(left: u32): u32 {
  return left > 4 ? 8 : 4;
}

/** A panel from `count` columns of B[k, columns]. */
export function panelOfRows(b: usize, ld: usize, count: u32, k: u32, to: usize): void {
  if (count >= 8) {
    for (; k; k--, b += ld, to += 32) {
      v128.store(to, v128.load(b));
      v128.store(to, v128.load(b, 16), 16);
    }
  } else {
    const width = panelWidth(count) << 2;
    for (; k; k--, b += ld, to += width) {
      for (let j: u32 = 0; j < width; j += 4) store<f32>(to + j, j < count << 2 ? load<f32>(b + j) : 0);
    }
  }
}

/** Four panels from 32 columns of B[k, columns] at once, to read whole cache lines of rows. */
export function panelsOfRows(b: usize, ld: usize, k: u32, to: usize): void {
  const apart = (<usize>k) << 5;
  let to1 = to + apart;
  let to2 = to1 + apart;
  let to3 = to2 + apart;
  while (k) {
    v128.store(to, v128.load(b));
    v128.store(to, v128.load(b, 16), 16);
    v128.store(to1, v128.load(b, 32));
    v128.store(to1, v128.load(b, 48), 16);
    v128.store(to2, v128.load(b, 64));
    v128.store(to2, v128.load(b, 80), 16);
    v128.store(to3, v128.load(b, 96));
    v128.store(to3, v128.load(b, 112), 16);
    b += ld;
    to += 32;
    to1 += 32;
    to2 += 32;
    to3 += 32;
    k--;
  }
}

/** A panel from `count` columns of B[columns, k]. */
export function panelOfColumns(b: usize, ld: usize, count: u32, k: u32, to: usize): void {
  const width = panelWidth(count) << 2;
  let left = k;
  if (count == 4 || count >= 8) {
    for (; left >= 4; left -= 4, b += 16, to += width << 2) {
      transpose4(b, ld, to, width);
      if (count >= 8) transpose4(b + 4 * ld, ld, to + 16, 32);
    }
  }
  for (; left; left--, b += 4, to += width) {
    for (let j: u32 = 0, from = b; j < width; j += 4, from += ld) {
      store<f32>(to + j, j < count << 2 ? load<f32>(from) : 0);
    }
  }
}

/** `count` rows from A[k, rows], `step` apart. */
export function rowsOfColumns(a: usize, ld: usize, count: u32, k: u32, to: usize, step: usize): void {
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) {
    let from = a + ((<usize>i) << 2);
    let at = to + i * step;
    let left = k;
    for (; left >= 4; left -= 4, from += 4 * ld, at += 16) transpose4(from, ld, at, step);
    for (; left; left--, from += ld, at += 4) {
      for (let r: u32 = 0; r < 4; r++) store<f32>(at + r * step, load<f32>(from + (r << 2)));
    }
  }
  for (; i < count; i++) {
    let from = a + ((<usize>i) << 2);
    let at = to + i * step;
    for (let left = k; left; left--, from += ld, at += 4) store<f32>(at, load<f32>(from));
  }
}
