import { relativeError } from './compare.ts';
import type { ReferenceFolder } from './reference.ts';

/**
 * K random projections of a gradient: p_j = K^-0.5 Σ_i r_ji g_i over its row-major entries, r_ji = ±1. ‖p‖ and the
 * relative error of p are close to those of g, so a few numbers represent a gradient of any size.
 *
 * The sign is the top bit of MurmurHash3's finaliser of i + 1 + (j + 1) · 0x9E3779B9 in unsigned 32-bit arithmetic, as
 * in `signs` of tools/golden/files.py.
 */
export function projectedGradient(gradient: ArrayLike<number>, K: number): Float64Array {
  const projected = new Float64Array(K);
  for (let j = 0; j < K; j++) {
    const row = Math.imul(j + 1, 0x9e3779b9);
    let sum = 0;
    for (let i = 0; i < gradient.length; i++) {
      let h = (i + 1 + row) | 0;
      h ^= h >>> 16;
      h = Math.imul(h, 0x85ebca6b);
      h ^= h >>> 13;
      h = Math.imul(h, 0xc2b2ae35);
      h ^= h >>> 16;
      sum += h < 0 ? -gradient[i] : gradient[i];
    }
    projected[j] = sum / Math.sqrt(K);
  }
  return projected;
}

/**
 * A model's reference gradients, by parameter, as functions that return a gradient's relative error (of its projections
 * if the folder has no whole gradients).
 */
export function referenceGradients(
  reference: ReferenceFolder,
  folder: string,
): Map<string, (gradient: ArrayLike<number>) => number> {
  const whole = reference.has(`${folder}/grads.safetensors`);
  const tensors = reference.tensors(`${folder}/${whole ? 'grads' : 'grads-projected'}.safetensors`);
  const error = ({ data }: { data: ArrayLike<number> }, gradient: ArrayLike<number>): number =>
    relativeError(whole ? gradient : projectedGradient(gradient, data.length), data);
  return new Map([...tensors].map(([name, tensor]) => [name, (gradient) => error(tensor, gradient)]));
}
