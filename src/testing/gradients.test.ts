import { describe, expect, it } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { relativeError } from './compare.ts';
import { projectedGradient, referenceGradients } from './gradients.ts';
import { committedReference } from './reference.ts';

describe('projectedGradient', () => {
  const folder = 'golden/llama-tiny';

  it('equals the projection that the generator stored with whole gradients', () => {
    const whole = committedReference.tensors(`${folder}/grads.safetensors`);
    const projected = committedReference.tensors(`${folder}/grads-projected.safetensors`);
    expect([...projected.keys()]).toEqual([...whole.keys()]);
    for (const [name, { data, shape }] of projected) {
      const found = projectedGradient(whole.get(name)?.data ?? [], shape[0]);
      expect(relativeError(found, data), name).toBeLessThan(1e-6);
    }
  });

  it('detects an error anywhere in a gradient', () => {
    const random = seededRandom(3);
    const gradient = Float64Array.from({ length: 1000 }, () => 2 * random.next() - 1);
    const size = Math.hypot(...gradient);
    const exact = projectedGradient(gradient, 16);
    for (const place of [0, 499, 999]) {
      const other = gradient.slice();
      other[place] += 0.01 * size;
      const error = relativeError(projectedGradient(other, 16), exact);
      expect(error).toBeGreaterThan(0.005);
      expect(error).toBeLessThan(0.02);
    }
  });
});

describe('referenceGradients', () => {
  it('compares with whole gradients if stored, else with projections', () => {
    for (const family of ['llama-tiny', 'qwen2-tiny']) {
      const folder = `golden/${family}`;
      const errors = referenceGradients(committedReference, folder);
      const model = committedReference.tensors(`${folder}/model.safetensors`);
      expect([...errors.keys()].sort()).toEqual([...model.keys()].sort());
      for (const [name, errorOf] of errors) expect(errorOf(model.get(name)?.data ?? []), name).toBeGreaterThan(0.1);
    }
  });
});
