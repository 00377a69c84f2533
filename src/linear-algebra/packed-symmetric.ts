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

/** The whole matrix, row-major. */
export function squareOf(packed: PackedSymmetric, n: number): Float32Array<ArrayBuffer> {
  const square = new Float32Array(n * n);
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = i; j < n; j++, at++) {
      square[i * n + j] = packed[at];
      square[j * n + i] = packed[at];
    }
  }
  return square;
}
