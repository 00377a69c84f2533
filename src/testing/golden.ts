import { readFileSync } from 'node:fs';
import type { SizedBatch } from '../models/network.ts';
import { sharedPath } from './shared.ts';

/** A tensor of the reference data, row-major. Reals are float32; ids, masks and labels are int32. */
export interface GoldenTensor {
  shape: number[];
  data: Float32Array | Int32Array;
}

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/**
 * Reads a safetensors file of the reference data, whole.
 *
 * For tests only: the file is trusted, so nothing is checked but the two dtypes that the reference data uses. It shares
 * no code with `src/weights`, whose reader is compared with it.
 *
 * @param path below the reference folder, with forward slashes: `golden/optimizer/gradients.safetensors`.
 */
export function readGolden(path: string): Map<string, GoldenTensor> {
  const file = readFileSync(sharedPath(...path.split('/')));
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<string, HeaderEntry>;
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [begin, end] = entry.data_offsets;
    // A copy, because a typed array must begin at a multiple of four bytes and the header may end anywhere.
    const bytes = new Uint8Array(file.subarray(8 + headerBytes + begin, 8 + headerBytes + end)).buffer;
    if (entry.dtype !== 'F32' && entry.dtype !== 'I32') {
      throw new Error(`${path}: ${name} is ${entry.dtype}; the reference data holds F32 and I32 only.`);
    }
    const data = entry.dtype === 'F32' ? new Float32Array(bytes) : new Int32Array(bytes);
    tensors.set(name, { shape: entry.shape, data });
  }
  return tensors;
}

/** Reads a JSON file of the reference data; the caller names its type. */
export function readGoldenJson<T>(path: string): T {
  return JSON.parse(readFileSync(sharedPath(...path.split('/')), 'utf8')) as T;
}

/** The named tensor's shape and float32 data. @throws Error when it is missing or holds integers. */
export function goldenReal(tensors: Map<string, GoldenTensor>, name: string): { shape: number[]; data: Float32Array } {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`The reference data has no tensor ${name}.`);
  if (!(tensor.data instanceof Float32Array)) throw new Error(`Tensor ${name} of the reference data is not float32.`);
  return { shape: tensor.shape, data: tensor.data };
}

/** Relative Frobenius error ‖x − reference‖ / ‖reference‖, the measure of the reference data's tolerances. */
export function relativeError(x: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (x.length !== reference.length) return Infinity;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += (x[i] - reference[i]) ** 2;
    norm += reference[i] ** 2;
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}

/** A padded batch of the reference data as examples, with the sizes it is padded to. Shapes [B, S], [B, S], [B, T]. */
export function goldenBatch(ids: GoldenTensor, mask: GoldenTensor, labels: GoldenTensor): SizedBatch {
  const [B, S] = ids.shape;
  const T = labels.shape[1];
  const row = ({ data }: GoldenTensor, b: number, width: number): number[] =>
    Array.from(data.slice(b * width, (b + 1) * width));
  const rows = Array.from({ length: B }, (_, b) => ({
    source: row(ids, b, S).slice(0, row(mask, b, S).filter((one) => one === 1).length),
    label: row(labels, b, T).filter((id) => id >= 0),
  }));
  return { sizes: { B, S, T }, rows };
}
