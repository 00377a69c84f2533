import type { Activation } from '../graph/ops/elementwise.ts';
import { ConfigReader } from './config.ts';
import { type RotaryScaling, readRotaryScaling } from './rotary-angles.ts';

/** What of a LLaMA config changes the computation; LlamaConfig of Hugging Face transformers. */
export interface LlamaConfig {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  numLayers: number;
  numHeads: number;
  /** Heads of keys and values; each serves numHeads / numKeyHeads heads of queries. */
  numKeyHeads: number;
  /** Size of a head; numHeads · headDim need not be hiddenSize. */
  headDim: number;
  activation: Activation;
  eps: number;
  ropeTheta: number;
  ropeScaling: RotaryScaling;
  /** Tokens of the longest text. */
  maxPositions: number;
  /** Tied: the output layer is the embedding. */
  tied: boolean;
  /** Tokens that end a text; generation ends at any of them. */
  endIds: number[];
  padId: number;
}

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
};

/**
 * Fields of LLaMA and of its relatives that change the computation, and the values that leave it as it is. What does
 * not change the function that a model computes is not here: `attention_dropout` and `pretraining_tp`, for example.
 */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  attention_bias: [false],
  mlp_bias: [false],
  qkv_bias: [false],
  use_qk_norm: [false],
  qk_norm: [false],
  clip_qkv: [],
  sliding_window: [],
  use_sliding_window: [false],
  partial_rotary_factor: [1],
  rope_interleaved: [false],
  no_rope_layers: [],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  query_pre_attn_scalar: [],
  attention_multiplier: [],
  residual_multiplier: [1],
  embedding_multiplier: [1],
  logits_scaling: [1],
  logit_scale: [1],
  num_local_experts: [0],
  num_experts: [0],
  is_encoder_decoder: [false],
  quantization_config: [],
};

/** @throws GorpError `model/bad-config`, naming the field. */
export function parseLlamaConfig(config: unknown): LlamaConfig {
  const read = ConfigReader.from(config, 'LLaMA');
  read.choice('model_type', ['llama']);
  read.architecture(['LlamaForCausalLM', 'LLaMAForCausalLM']);
  read.refuseUnlessNeutral(NEUTRAL);
  const vocabSize = read.size('vocab_size');
  const hiddenSize = read.size('hidden_size');
  const numHeads = read.size('num_attention_heads');
  const numKeyHeads = read.size('num_key_value_heads', numHeads);
  if (numHeads % numKeyHeads !== 0) throw read.refuse('num_key_value_heads', `a divisor of ${numHeads} heads`);
  if (!read.has('head_dim') && hiddenSize % numHeads !== 0) {
    throw read.refuse('num_attention_heads', `head_dim, or a divisor of hidden_size ${hiddenSize},`);
  }
  const headDim = read.size('head_dim', hiddenSize / numHeads);
  if (headDim % 2 !== 0) throw read.refuse('head_dim', 'an even size');
  const endIds = read.tokens('eos_token_id', vocabSize, 2);
  // Saved by later versions of transformers in place of rope_theta and rope_scaling.
  const rope = read.part('rope_parameters');
  const maxPositions = read.size('max_position_embeddings', 2048);
  return {
    vocabSize,
    hiddenSize,
    intermediateSize: read.size('intermediate_size'),
    numLayers: read.layers('num_hidden_layers'),
    numHeads,
    numKeyHeads,
    headDim,
    activation: ACTIVATIONS[read.choice('hidden_act', Object.keys(ACTIVATIONS), 'silu')],
    eps: read.positive('rms_norm_eps', 1e-6),
    ropeTheta: (rope ?? read).positive('rope_theta', 10_000),
    ropeScaling: readRotaryScaling(rope ?? read.part('rope_scaling')),
    maxPositions,
    tied: read.flag('tie_word_embeddings', false),
    endIds,
    padId: read.tokenOrNone('pad_token_id', vocabSize) ?? endIds[0], // padding is masked: any token will do
  };
}

/** Names and shapes of every parameter, Hugging Face's. */
export function llamaParameterShapes(config: LlamaConfig): Map<string, number[]> {
  const { vocabSize, hiddenSize, intermediateSize, numLayers, numHeads, numKeyHeads, headDim } = config;
  const shapes = new Map<string, number[]>([['model.embed_tokens.weight', [vocabSize, hiddenSize]]]);
  for (let i = 0; i < numLayers; i++) {
    const layer = `model.layers.${i}`;
    shapes.set(`${layer}.input_layernorm.weight`, [hiddenSize]);
    shapes.set(`${layer}.self_attn.q_proj.weight`, [numHeads * headDim, hiddenSize]);
    shapes.set(`${layer}.self_attn.k_proj.weight`, [numKeyHeads * headDim, hiddenSize]);
    shapes.set(`${layer}.self_attn.v_proj.weight`, [numKeyHeads * headDim, hiddenSize]);
    shapes.set(`${layer}.self_attn.o_proj.weight`, [hiddenSize, numHeads * headDim]);
    shapes.set(`${layer}.post_attention_layernorm.weight`, [hiddenSize]);
    shapes.set(`${layer}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize]);
    shapes.set(`${layer}.mlp.up_proj.weight`, [intermediateSize, hiddenSize]);
    shapes.set(`${layer}.mlp.down_proj.weight`, [hiddenSize, intermediateSize]);
  }
  shapes.set('model.norm.weight', [hiddenSize]);
  if (!config.tied) shapes.set('lm_head.weight', [vocabSize, hiddenSize]);
  return shapes;
}

/** The other name of an embedding that is the output layer too. */
export const tiedLlamaNames = (parameter: string, { tied }: Pick<LlamaConfig, 'tied'>): string[] =>
  tied && parameter === 'model.embed_tokens.weight' ? ['lm_head.weight'] : [];

/** Names that published LLaMA checkpoints hold besides: angles that are computed here, and a copy of a tied embedding. */
export function isRedundantLlamaName(name: string, config: LlamaConfig): boolean {
  return (
    /^model\.(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/.test(name) ||
    tiedLlamaNames('model.embed_tokens.weight', config).includes(name)
  );
}
