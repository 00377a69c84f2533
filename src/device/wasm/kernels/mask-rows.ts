// Sets rows of stacked matrices that belong to small values to 0: formulas in `shaders/mask-rows.wgsl`
//
// Arguments: count, rows, columns, stride, apart, cut; x, values, out. Units: rows of all matrices.
import { element, word } from './simd';

export function maskRows(args: usize, from: u32, to: u32): void {
  const rows = word(args, 1);
  const columns = word(args, 2);
  const cut = word(args, 5);
  for (let row = from; row < to; row++) {
    const n = row / rows;
    const i = row % rows;
    const values = element(word(args, 7), n * word(args, 4));
    const own = load<f32>(element(values, i));
    let before: u32 = 0;
    for (let j: u32 = 0; j < rows; j++) {
      const other = load<f32>(element(values, j));
      if (other < own || (other == own && j < i)) before++;
    }
    const at = n * word(args, 3) + i * columns;
    const out = element(word(args, 8), at);
    if (before >= cut) memory.copy(out, element(word(args, 6), at), (<usize>columns) << 2);
    else memory.fill(out, 0, (<usize>columns) << 2);
  }
}
