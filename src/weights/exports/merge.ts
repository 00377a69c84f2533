import type { ModelTensors } from '../model-files.ts';
import type { TensorSource } from '../safetensors.ts';

/** What training added to the weights of layers; each is asked for when its layer is written. */
export interface WeightChanges {
  /** s, by which B A is multiplied. */
  scaling: number;
  /** A [R, in] and B [out, R] of a layer without `.weight`; undefined when it has no adapter. */
  adapter(layer: string): Promise<{ A: Float32Array; B: Float32Array } | undefined>;
  /** W − W₀ of a layer whose weights were trained themselves; undefined for others. */
  delta(layer: string): Promise<Float32Array | undefined>;
}

/**
 * The tensors of a model with everything that was trained merged in: W₀ + ΔW + s·B·A, under the names and shapes of the
 * base model. A tensor that training left alone keeps its bytes and its dtype; a changed one is written as F32.
 *
 * @param changed names of the layers, without `.weight`, that have an adapter or a delta.
 */
export function mergedTensors(
  base: ModelTensors,
  changed: ReadonlySet<string>,
  changes: WeightChanges,
): TensorSource[] {
  return [...base.tensors.values()].map(({ name, dtype, shape }): TensorSource => {
    const layer = name.replace(/\.weight$/, '');
    if (layer === name || !changed.has(layer)) {
      return { name, dtype, shape, read: async () => (await base.readRaw(name)).bytes };
    }
    const read = async (): Promise<Float32Array> => {
      const weights = (await base.readTensor(name)).slice();
      const delta = await changes.delta(layer);
      if (delta !== undefined) for (let i = 0; i < weights.length; i++) weights[i] += delta[i];
      const pair = await changes.adapter(layer);
      if (pair !== undefined) addProduct(weights, pair.B, pair.A, shape[0], shape[1], changes.scaling);
      return weights;
    };
    return { name, dtype: 'F32', shape, read };
  });
}

/** W [out, in] += s · B [out, R] · A [R, in]. A row is summed up in f64, so that W is rounded once. */
function addProduct(
  W: Float32Array,
  B: Float32Array,
  A: Float32Array,
  out: number,
  inputs: number,
  scale: number,
): void {
  const rank = B.length / out;
  const row = new Float64Array(inputs);
  for (let i = 0; i < out; i++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const b = scale * B[i * rank + r];
      if (b === 0) continue;
      const begin = r * inputs;
      for (let j = 0; j < inputs; j++) row[j] += b * A[begin + j];
    }
    const begin = i * inputs;
    for (let j = 0; j < inputs; j++) W[begin + j] += row[j];
  }
}
