/**
 * Rows of heads in the order of llama.cpp for LLaMA: row i of a head's first half becomes row 2i, row i of its second
 * half row 2i + 1 (`LlamaModel.permute` of llama.cpp's converter).
 *
 * @param bytes of whole rows, in any type.
 */
export function interleavedRows(bytes: Uint8Array<ArrayBuffer>, rows: number, heads: number): Uint8Array<ArrayBuffer> {
  const rowBytes = bytes.length / rows;
  const size = rows / heads;
  const woven = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    const [head, i] = [Math.floor(row / size), row % size];
    const from = (head * size + (i % 2) * (size / 2) + (i >> 1)) * rowBytes;
    woven.set(bytes.subarray(from, from + rowBytes), row * rowBytes);
  }
  return woven;
}
