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

/** Sizes of published models, as their config.json has them. */
export const PUBLISHED_MODELS: readonly PublishedModel[] = [
  {
    name: 't5-small',
    config: t5(512, 2048, 6, 8),
    batchSize: 8,
    frozenWeights: 'f32',
    activations: 'keep',
    storedAs: 'F32',
  },
  {
    name: 't5-base',
    config: t5(768, 3072, 12, 12),
    batchSize: 8,
    frozenWeights: 'f32',
    activations: 'keep',
    storedAs: 'F32',
  },
  {
    name: 't5-base',
    config: t5(768, 3072, 12, 12),
    batchSize: 8,
    frozenWeights: 'f32',
    activations: 'recompute',
    storedAs: 'F32',
  },
  {
    name: 't5-large',
    config: t5(1024, 4096, 24, 16),
    batchSize: 8,
    frozenWeights: 'f32',
    activations: 'keep',
    storedAs: 'F32',
  },
  {
    name: 't5-large',
    config: t5(1024, 4096, 24, 16),
    batchSize: 8,
    frozenWeights: 'f32',
    activations: 'recompute',
    storedAs: 'F32',
  },
  {
    name: 't5-large',
    config: t5(1024, 4096, 24, 16),
    batchSize: 8,
    frozenWeights: '8-bit',
    activations: 'recompute',
    storedAs: 'F32',
  },
  {
    name: 'TinyLlama-1.1B',
    config: llama(2048, 5632, 22, 32, 4),
    batchSize: 1,
    frozenWeights: 'stored',
    activations: 'recompute',
    storedAs: 'F16',
  },
  {
    name: 'TinyLlama-1.1B',
    config: llama(2048, 5632, 22, 32, 4),
    batchSize: 1,
    frozenWeights: '8-bit',
    activations: 'recompute',
    storedAs: 'F16',
  },
  {
    name: 'LLaMA-2-7B',
    config: llama(4096, 11008, 32, 32, 32),
    batchSize: 1,
    frozenWeights: '8-bit',
    activations: 'recompute',
    storedAs: 'F16',
  },
  {
    name: 'LLaMA-2-7B',
    config: llama(4096, 11008, 32, 32, 32),
    batchSize: 1,
    frozenWeights: '4-bit',
    activations: 'recompute',
    storedAs: 'F16',
  },
];
