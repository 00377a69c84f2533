import type { Batch } from '../base/batch.ts';
import { mixSeed } from '../base/random.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { FrozenWeights } from '../run/models/frozen-weights.ts';
import { llama, t5 } from '../run/models/published-models.ts';

/** A model with the batches that it trains and decodes. */
export interface ModelShape {
  readonly name: string;
  /** Its config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly frozenWeights: FrozenWeights;
  readonly recompute: boolean;
  /** A training batch: rows, tokens of a prompt, tokens of a label. */
  readonly batch: { readonly B: number; readonly S: number; readonly T: number };
  /** Rows whose answers are written together. */
  readonly rows: number;
}

/** TinyLlama's config.json. */
const TINY_LLAMA = { ...llama(2048, 5632, 22, 32, 4), tie_word_embeddings: false };

/** The models whose kernels are looked at, by the sizes of their config.json. */
export const MODEL_SHAPES: readonly ModelShape[] = [
  {
    ...{ name: 't5-small', config: t5(512, 2048, 6, 8), frozenWeights: 'f32', recompute: false },
    ...{ batch: { B: 8, S: 128, T: 10 }, rows: 64 },
  },
  {
    ...{ name: 't5-large', config: t5(1024, 4096, 24, 16), frozenWeights: 'f32', recompute: true },
    ...{ batch: { B: 8, S: 512, T: 10 }, rows: 64 },
  },
  {
    ...{ name: 'TinyLlama-1.1B, 8-bit', config: TINY_LLAMA, frozenWeights: '8-bit', recompute: true },
    ...{ batch: { B: 1, S: 512, T: 10 }, rows: 8 },
  },
];

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
