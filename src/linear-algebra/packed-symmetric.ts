/** The upper triangle of a symmetric matrix in f32, row by row: n (n + 1) / 2 values. */
export type PackedSymmetric = Float32Array<ArrayBuffer>;

/** Number of values of the upper triangle. */
export const packedLength = (n: number): number => (n * (n + 1)) / 2;

/** The upper triangle of a row-major matrix. */
export function packedOf(square: Float32Array, n: number): PackedSymmetric {
  const packed = new Float32Array(packedLength(n));
  for (let i = 0, at = 0; i < n; at += n - i++) packed.set(square.subarray(i * n + i, (i + 1) * n), at);
  return packed;
}

/** Rows and columns of a tile: it and its mirror image fit into a core's first cache. */
const TILE = 32;

/** The whole matrix divided by a number, row-major. */
export function squareOf(packed: PackedSymmetric, n: number, divisor = 1): Float32Array<ArrayBuffer> {
  const square = new Float32Array(n * n);
  for (let top = 0; top < n; top += TILE) {
    for (let left = top; left < n; left += TILE) {
      for (let i = top; i < Math.min(top + TILE, n); i++) {
        const row = i * n - (i * (i + 1)) / 2; // less than that of the first value by i
        for (let j = Math.max(i, left); j < Math.min(left + TILE, n); j++) {
          const value = packed[row + j] / divisor;
          square[i * n + j] = value;
          square[j * n + i] = value;
        }
      }
    }
  }
  return square;
}
