/** Number of weights that share a scale: 32, the default of transformers.js and onnxruntime. */
export const BLOCK = 32;

/** A matrix for onnxruntime's `MatMulNBits`. */
export interface QuantizedMatrix {
  /** u8 [rows, blocks, BLOCK · bits / 8]; in a byte of two 4-bit numbers, the first has the low bits. */
  numbers: Uint8Array<ArrayBuffer>;
  /** f32 [rows, blocks]. */
  scales: Float32Array<ArrayBuffer>;
}

/** Number of blocks per row. */
export const blocksOf = (columns: number): number => Math.ceil(columns / BLOCK);

/**
 * Symmetric quantization by blocks of a row: w ≈ (q − 2^(bits−1)) · scale. The largest magnitude becomes q = 0, so that
 * its side uses the whole range (`quantize_blockwise` of onnxruntime, core/mlas/lib/q4_dq.cpp). Zeros pad an incomplete
 * last block.
 *
 * @param weights [rows, columns], row-major.
 */
export function quantize(weights: Float32Array, rows: number, columns: number, bits: 4 | 8): QuantizedMatrix {
  const blocks = blocksOf(columns);
  const zero = 2 ** (bits - 1);
  const largest = 2 ** bits - 1;
  const perByte = 8 / bits;
  const numbers = new Uint8Array((rows * blocks * BLOCK) / perByte);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const begin = row * columns + block * BLOCK;
      const end = Math.min(begin + BLOCK, (row + 1) * columns);
      const peak = extreme(weights, begin, end);
      const scale = peak === 0 ? 0 : Math.fround(peak / -zero);
      const inverse = scale === 0 ? 0 : 1 / scale;
      scales[row * blocks + block] = scale;
      const first = (row * blocks + block) * BLOCK;
      for (let k = 0; k < BLOCK; k++) {
        const weight = begin + k < end ? weights[begin + k] : 0;
        const number = Math.min(largest, Math.max(0, Math.round(weight * inverse) + zero));
        if (bits === 8) numbers[first + k] = number;
        else numbers[(first + k) >> 1] |= number << (4 * (k & 1));
      }
    }
  }
  return { numbers, scales };
}

/** The entry of largest magnitude, with its sign. */
function extreme(weights: Float32Array, begin: number, end: number): number {
  let found = 0;
  for (let i = begin; i < end; i++) if (Math.abs(weights[i]) > Math.abs(found)) found = weights[i];
  return found;
}
