import type { Matrix } from './matrix.ts';

/** Rotates rows p and q into each other, in place: p ← cosine · p − sine · q, q ← sine · p + cosine · q. */
export function rotateRows({ columns, data }: Matrix, p: number, q: number, cosine: number, sine: number): void {
  const atP = p * columns;
  const atQ = q * columns;
  for (let j = 0; j < columns; j++) {
    const x = data[atP + j];
    const y = data[atQ + j];
    data[atP + j] = cosine * x - sine * y;
    data[atQ + j] = sine * x + cosine * y;
  }
}

/** Reflects every row x in place: x ← x − factor · (vᵀx) v, where v begins at column `first`. */
export function reflectRows(rows: Matrix, v: Float64Array, factor: number, first: number, fromRow = 0): void {
  const { columns, data } = rows;
  if (factor === 0) return;
  for (let i = fromRow; i < rows.rows; i++) {
    const at = i * columns;
    let dot = 0;
    for (let j = first; j < columns; j++) dot += v[j] * data[at + j];
    dot *= factor;
    for (let j = first; j < columns; j++) data[at + j] -= dot * v[j];
  }
}
