import type { FrozenWeights } from '../run/frozen-weights.ts';

/** A config.json of T5 of these sizes. */
export const t5 = (d_model: number, d_ff: number, num_layers: number, num_heads: number): Record<string, unknown> => ({
  model_type: 't5',
  vocab_size: 32128,
  d_kv: 64,
  d_model,
  d_ff,
  num_layers,
  num_heads,
});
/** A config.json of LLaMA of these sizes. */
export const llama = (
  hidden_size: number,
  intermediate_size: number,
  num_hidden_layers: number,
  num_attention_heads: number,
  num_key_value_heads: number,
): Record<string, unknown> => ({
  model_type: 'llama',
  vocab_size: 32000,
  hidden_size,
  intermediate_size,
  num_hidden_layers,
  num_attention_heads,
  num_key_value_heads,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  bos_token_id: 1,
  eos_token_id: 2,
});

interface PublishedModel {
  name: string;
  config: Record<string, unknown>;
  batchSize: number;
  frozenWeights: FrozenWeights;
  activations: 'keep' | 'recompute';
  /** The type of its weights in the checkpoint, as safetensors names it. */
  storedAs: string;
}

type Fit = readonly [FrozenWeights, PublishedModel['activations']];

/** A T5, 8 prompts at a time, for each way to make it fit. */
const t5Rows = (name: string, config: Record<string, unknown>, ...fits: Fit[]): PublishedModel[] =>
  fits.map(([frozenWeights, activations]) => {
    return { name, config, batchSize: 8, frozenWeights, activations, storedAs: 'F32' };
  });

/** A LLaMA, one prompt at a time, activations computed again. */
const llamaRows = (name: string, config: Record<string, unknown>, ...frozen: FrozenWeights[]): PublishedModel[] =>
  frozen.map((frozenWeights) => {
    return { name, config, batchSize: 1, frozenWeights, activations: 'recompute', storedAs: 'F16' };
  });

/** Sizes of published models, as their config.json has them. */
export const PUBLISHED_MODELS: readonly PublishedModel[] = [
  ...t5Rows('t5-small', t5(512, 2048, 6, 8), ['f32', 'keep']),
  ...t5Rows('t5-base', t5(768, 3072, 12, 12), ['f32', 'keep'], ['f32', 'recompute']),
  ...t5Rows('t5-large', t5(1024, 4096, 24, 16), ['f32', 'keep'], ['f32', 'recompute'], ['8-bit', 'recompute']),
  ...llamaRows('TinyLlama-1.1B', llama(2048, 5632, 22, 32, 4), 'stored', '8-bit'),
  ...llamaRows('LLaMA-2-7B', llama(4096, 11008, 32, 32, 32), '8-bit', '4-bit'),
];
