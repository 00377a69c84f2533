import type { Matrix } from './matrix.ts';

/** A row with less than this share of its length outside the span of the others is rounding noise. */
const NOISE = 1e-8;

/**
 * Makes the rows from `first` on orthonormal to all rows before them, in place and in order (modified Gram–Schmidt,
 * done twice, which leaves an error of the order of machine precision). A row that is zero or depends on those before
 * it is replaced by a unit vector orthogonal to them.
 *
 * @param rows at most as many as columns; those before `first` are orthonormal already.
 */
export function orthonormaliseRows({ rows, columns, data }: Matrix, first = 0): void {
  for (let i = first; i < rows; i++) {
    const row = data.subarray(i * columns, (i + 1) * columns);
    const before = length(row);
    removeRowsBefore(data, i, row);
    if (!(length(row) > NOISE * before)) {
      row.fill(0);
      row[mostFreeAxis(data, i, columns)] = 1;
      removeRowsBefore(data, i, row);
    }
    scale(row, 1 / length(row));
    removeRowsBefore(data, i, row);
    scale(row, 1 / length(row));
  }
}

function removeRowsBefore(data: Float64Array, count: number, row: Float64Array): void {
  const { length: columns } = row;
  for (let i = 0; i < count; i++) {
    const at = i * columns;
    let dot = 0;
    for (let j = 0; j < columns; j++) dot += data[at + j] * row[j];
    for (let j = 0; j < columns; j++) row[j] -= dot * data[at + j];
  }
}

/** The coordinate axis that the first `count` rows cover least. With fewer rows than axes, part of it is free. */
function mostFreeAxis(data: Float64Array, count: number, columns: number): number {
  const held = new Float64Array(columns);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < columns; j++) held[j] += data[i * columns + j] ** 2;
  }
  return held.reduce((best, value, j) => (value < held[best] ? j : best), 0);
}

function length(row: Float64Array): number {
  let sum = 0;
  for (const value of row) sum += value * value;
  return Math.sqrt(sum);
}

function scale(row: Float64Array, factor: number): void {
  for (let j = 0; j < row.length; j++) row[j] *= factor;
}
