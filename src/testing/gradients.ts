import { relativeError } from './compare.ts';
import type { ReferenceFolder } from './reference.ts';

/**
 * K random projections of a gradient: p_j = K^-0.5 Σ_i r_ji g_i over its row-major entries, r_ji = ±1. ‖p‖ is about ‖g‖,
 * and the relative error of p about that of g, so a few numbers stand for a gradient of any size.
 *
 * The sign is the top bit of MurmurHash3's finaliser of i + 1 + (j + 1) · 0x9E3779B9 in unsigned 32-bit arithmetic, as
 * `signs` in tools/golden/files.py has it.
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
 * The reference gradients of a model, by parameter: how far a gradient is from the reference, relative (of its
 * projections where the folder has no whole gradients).
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
