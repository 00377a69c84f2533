import type { Batch } from '../base/batch.ts';

/** A tensor of the reference data, row-major. Reals are float32; ids, masks and labels are int32. */
export interface GoldenTensor {
  shape: number[];
  data: Float32Array | Int32Array;
}

/** The named tensor's shape and float32 data. @throws Error when it is missing or holds integers. */
export function goldenReal(tensors: Map<string, GoldenTensor>, name: string): { shape: number[]; data: Float32Array } {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`The reference data has no tensor ${name}.`);
  if (!(tensor.data instanceof Float32Array)) throw new Error(`Tensor ${name} of the reference data is not float32.`);
  return { shape: tensor.shape, data: tensor.data };
}

/** A padded batch of the reference data as examples. Shapes [B, S], [B, S], [B, T]. */
export function goldenBatch(ids: GoldenTensor, mask: GoldenTensor, labels: GoldenTensor): Batch {
  const [B, S] = ids.shape;
  const T = labels.shape[1];
  const row = ({ data }: GoldenTensor, b: number, width: number): number[] =>
    Array.from(data.slice(b * width, (b + 1) * width));
  return Array.from({ length: B }, (_, b) => ({
    source: row(ids, b, S).slice(0, row(mask, b, S).filter((one) => one === 1).length),
    label: row(labels, b, T).filter((id) => id >= 0),
  }));
}
