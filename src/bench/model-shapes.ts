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
export const TINY_LLAMA = { ...llama(2048, 5632, 22, 32, 4), tie_word_embeddings: false };

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
