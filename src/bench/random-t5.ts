import type { Batch } from '../base/batch.ts';
import { mixSeed } from '../base/random.ts';
import { sizeOf } from '../graph/tensor.ts';

/** Random weights of a T5: norms 1, matrices so small that activations neither vanish nor explode. */
export function randomWeights(shapes: ReadonlyMap<string, readonly number[]>) {
  return (name: string): Promise<Float32Array> => {
    const shape = shapes.get(name) ?? [];
    const values = new Float32Array(sizeOf(shape)).fill(1);
    if (shape.length === 1) return Promise.resolve(values);
    const bound = name === 'shared.weight' ? 1 : 1 / Math.sqrt(shape[1]);
    let state = mixSeed(1, name) >>> 0; // a linear congruential generator: there are tens of millions
    values.forEach((_, i) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      values[i] = bound * (state / 2 ** 31 - 1);
    });
    return Promise.resolve(values);
  };
}

/** A batch of random tokens, all of full length. */
export function randomBatch(B: number, S: number, T: number): Batch {
  const ids = (length: number, seed: number): number[] =>
    Array.from({ length }, (_, i) => 3 + ((7919 * (i + 131 * seed)) % 30_000));
  return Array.from({ length: B }, (_, row) => ({ source: ids(S, row), label: ids(T, B + row) }));
}
