import type { FrozenWeights } from './frozen-weights.ts';

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

/** A config.json of a decoder-only model of another family: LLaMA's fields plus its own. */
const decoder = (
  model_type: string,
  sizes: Parameters<typeof llama>,
  more: Record<string, unknown>,
): Record<string, unknown> => ({ ...llama(...sizes), tie_word_embeddings: true, model_type, ...more });

/** Current models by name, with the sizes in their config.json. */
export const TODAY: Readonly<Record<string, Record<string, unknown>>> = {
  'Gemma-3-270m': decoder('gemma3_text', [640, 2048, 18, 4, 1], {
    vocab_size: 262_144,
    head_dim: 256,
    sliding_window: 512,
    query_pre_attn_scalar: 256,
    eos_token_id: 1,
    hidden_activation: 'gelu_pytorch_tanh',
  }),
  'SmolLM2-135M': decoder('llama', [576, 1536, 30, 9, 3], { vocab_size: 49_152 }),
  'SmolLM2-360M': decoder('llama', [960, 2560, 32, 15, 5], { vocab_size: 49_152 }),
  'Qwen2.5-0.5B': decoder('qwen2', [896, 4864, 24, 14, 2], { vocab_size: 151_936 }),
  'Qwen3-0.6B': decoder('qwen3', [1024, 3072, 28, 16, 8], { vocab_size: 151_936, head_dim: 128 }),
  'Llama-3.2-1B': decoder('llama', [2048, 8192, 16, 32, 8], { vocab_size: 128_256 }),
  'SmolLM3-3B': decoder('smollm3', [2048, 11_008, 36, 16, 4], { vocab_size: 128_256 }),
};

const GATED = { feed_forward_proj: 'gated-gelu', tie_word_embeddings: false };
export const UMT5_SMALL = { ...t5(512, 1024, 8, 6), ...GATED, model_type: 'umt5', vocab_size: 256_384 };

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

/** A decoder-only model, one prompt at a time, with recomputed activations. */
const decoderRows = (name: string, config: Record<string, unknown>, ...frozen: FrozenWeights[]): PublishedModel[] =>
  frozen.map((frozenWeights) => {
    return { name, config, batchSize: 1, frozenWeights, activations: 'recompute', storedAs: 'F16' };
  });

/** Sizes of published models, from their config.json. */
export const PUBLISHED_MODELS: readonly PublishedModel[] = [
  ...t5Rows('t5-small', t5(512, 2048, 6, 8), ['f32', 'keep']),
  ...t5Rows('t5-base', t5(768, 3072, 12, 12), ['f32', 'keep'], ['f32', 'recompute']),
  ...t5Rows('t5-large', t5(1024, 4096, 24, 16), ['f32', 'keep'], ['f32', 'recompute'], ['8-bit', 'recompute']),
  ...t5Rows('Flan-T5-small', { ...t5(512, 1024, 8, 6), ...GATED }, ['f32', 'recompute']),
  ...t5Rows('Flan-T5-base', { ...t5(768, 2048, 12, 12), ...GATED }, ['f32', 'recompute']),
  ...t5Rows('umT5-small', UMT5_SMALL, ['f32', 'recompute'], ['8-bit', 'recompute']),
  ...Object.entries(TODAY).flatMap(([name, config]) => decoderRows(name, config, 'stored', '8-bit')),
  ...decoderRows('TinyLlama-1.1B', llama(2048, 5632, 22, 32, 4), 'stored', '8-bit'),
  ...decoderRows('LLaMA-2-7B', llama(4096, 11008, 32, 32, 32), '8-bit', '4-bit'),
];
