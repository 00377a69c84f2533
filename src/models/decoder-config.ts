import type { Activation } from '../graph/ops/elementwise.ts';
import { ConfigReader } from './config.ts';
import { readRotaryScaling, type RotarySettings } from './rotary-angles.ts';

/** The attention of a layer: how it uses positions, and how far it sees. */
export interface DecoderLayer {
  /** Index of the rotary table that rotates queries and keys; null for no rotation. */
  rotary: number | null;
  /** Number of positions that a token sees, including its own; null for no limit. */
  window: number | null;
}

/** The part of a decoder-only model's config that changes the computation. Parameters are named as in LLaMA. */
export interface DecoderConfig {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  numHeads: number;
  /** Heads of keys and values; each serves numHeads / numKeyHeads query heads. */
  numKeyHeads: number;
  /** Size of a head; numHeads · headDim need not be hiddenSize. */
  headDim: number;
  activation: Activation;
  eps: number;
  /** Tied: the output layer is the embedding. */
  tied: boolean;
  /** Maximum number of tokens in a text. */
  maxPositions: number;
  layers: DecoderLayer[];
  rotaries: RotarySettings[];
  /** Which linear layers have a bias. */
  biases: { qkv: boolean; o: boolean; mlp: boolean };
  /** Whether query and key heads are normalised: `q_norm`, `k_norm`. */
  headNorms: boolean;
  /** Whether norms multiply by 1 + weight. */
  normAddsOne: boolean;
  /** Whether the output of attention and feed-forward is normalised too, before it is added. */
  outputNorms: boolean;
  /** Factor of embeddings. */
  embeddingScale: number;
  /** Factor of q·k. */
  attentionScale: number;
  /** Tokens that end a text and generation. */
  endIds: number[];
  padId: number;
}

/** How a family of decoder-only models differs from LLaMA: what its configuration class in transformers defines. */
export interface DecoderTraits {
  /** `model_type` of config.json. */
  readonly modelType: string;
  readonly architectures: readonly string[];
  /** Values of missing fields. */
  readonly defaults: {
    readonly eps?: number;
    readonly ropeTheta?: number;
    readonly maxPositions?: number;
    readonly keyHeads?: number;
    readonly headDim?: number;
    readonly tied?: boolean;
    readonly endId?: number;
  };
  /** Fields besides {@link NEUTRAL} that this family does not support. */
  readonly neutral?: Readonly<Record<string, readonly unknown[]>>;
  /** Field name of the activation, and its value if missing. */
  readonly activation?: readonly [field: string, fallback: string];
  /** By default, full attention with a single rotary table. */
  readonly layers?: (read: ConfigReader, count: number) => DecoderLayer[];
  /** Other differences. */
  readonly more?: (read: ConfigReader, config: DecoderConfig) => Partial<DecoderConfig>;
}

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
};

/**
 * Fields that change the computation in ways that no supported family uses, and their neutral values. Fields that do
 * not change a model's function, such as `attention_dropout`, are not listed.
 */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  qkv_bias: [false],
  use_qk_norm: [false],
  qk_norm: [false],
  clip_qkv: [],
  partial_rotary_factor: [1],
  rope_interleaved: [false],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  attention_multiplier: [],
  residual_multiplier: [1],
  embedding_multiplier: [1],
  logits_scaling: [1],
  logit_scale: [1],
  num_local_experts: [0],
  num_experts: [0],
  is_encoder_decoder: [false],
  use_bidirectional_attention: [false],
};

/** @throws GorpError `model/bad-config`, naming the field; `model/quantised-checkpoint`. */
export function parseDecoderConfig(traits: DecoderTraits, json: unknown): DecoderConfig {
  const { modelType, architectures, defaults, neutral = {}, layers = fullAttention, more } = traits;
  const read = ConfigReader.from(json, modelType);
  read.choice('model_type', [modelType]);
  read.architecture(architectures);
  read.refuseQuantised();
  read.refuseUnlessNeutral({ ...NEUTRAL, ...neutral });
  const vocabSize = read.size('vocab_size');
  const hiddenSize = read.size('hidden_size');
  const numHeads = read.size('num_attention_heads');
  const numKeyHeads = read.size('num_key_value_heads', defaults.keyHeads ?? numHeads);
  if (numHeads % numKeyHeads !== 0) throw read.refuse('num_key_value_heads', `a divisor of ${numHeads} heads`);
  const headDim = read.size('head_dim', defaults.headDim ?? Math.floor(hiddenSize / numHeads));
  if (headDim % 2 !== 0) throw read.refuse('head_dim', 'an even size');
  const count = read.layers('num_hidden_layers');
  const attentionBias = read.flag('attention_bias', false);
  const endIds = read.tokens('eos_token_id', vocabSize, defaults.endId);
  // Later versions of transformers save this in place of rope_theta and rope_scaling.
  const rope = read.part('rope_parameters');
  const [activation, activationFallback] = traits.activation ?? ['hidden_act', 'silu'];
  const config: DecoderConfig = {
    vocabSize,
    hiddenSize,
    intermediateSize: read.size('intermediate_size'),
    numHeads,
    numKeyHeads,
    headDim,
    activation: ACTIVATIONS[read.choice(activation, Object.keys(ACTIVATIONS), activationFallback)],
    eps: read.positive('rms_norm_eps', defaults.eps ?? 1e-6),
    tied: read.flag('tie_word_embeddings', defaults.tied ?? false),
    maxPositions: read.size('max_position_embeddings', defaults.maxPositions ?? 2048),
    layers: layers(read, count),
    rotaries: [],
    biases: { qkv: attentionBias, o: attentionBias, mlp: read.flag('mlp_bias', false) },
    headNorms: false,
    normAddsOne: false,
    outputNorms: false,
    embeddingScale: 1,
    attentionScale: headDim ** -0.5,
    endIds,
    padId: read.tokenOrNone('pad_token_id', vocabSize) ?? endIds[0], // padding is masked, so any token can stand for it
  };
  const whole = { ...config, ...more?.(read, config) };
  if (whole.rotaries.length > 0) return whole;
  const table: RotarySettings = {
    headDim,
    ropeTheta: (rope ?? read).positive('rope_theta', defaults.ropeTheta ?? 10_000),
    ropeScaling: readRotaryScaling(rope ?? read.part('rope_scaling'), headDim),
  };
  return { ...whole, rotaries: [table] };
}

const fullAttention = (_: ConfigReader, count: number): DecoderLayer[] => windowed(null, count, () => false);

/** Layers with the first rotary table, and a window if `slides`. */
export const windowed = (window: number | null, count: number, slides: (layer: number) => boolean): DecoderLayer[] =>
  Array.from({ length: count }, (_, i) => ({ rotary: 0, window: slides(i) ? window : null }));

/** Hugging Face names and shapes of all parameters. */
export function decoderParameterShapes(config: DecoderConfig): Map<string, number[]> {
  const { vocabSize, hiddenSize, intermediateSize, numHeads, numKeyHeads, headDim, biases } = config;
  const shapes = new Map<string, number[]>([['model.embed_tokens.weight', [vocabSize, hiddenSize]]]);
  const linear = (name: string, out: number, inputs: number, hasBias: boolean): void => {
    shapes.set(`${name}.weight`, [out, inputs]);
    if (hasBias) shapes.set(`${name}.bias`, [out]);
  };
  config.layers.forEach((_, i) => {
    const layer = `model.layers.${i}`;
    const norm = (name: string, size = hiddenSize): void => void shapes.set(`${layer}.${name}.weight`, [size]);
    norm('input_layernorm');
    linear(`${layer}.self_attn.q_proj`, numHeads * headDim, hiddenSize, biases.qkv);
    linear(`${layer}.self_attn.k_proj`, numKeyHeads * headDim, hiddenSize, biases.qkv);
    linear(`${layer}.self_attn.v_proj`, numKeyHeads * headDim, hiddenSize, biases.qkv);
    linear(`${layer}.self_attn.o_proj`, hiddenSize, numHeads * headDim, biases.o);
    if (config.headNorms) for (const part of ['q_norm', 'k_norm']) norm(`self_attn.${part}`, headDim);
    norm('post_attention_layernorm');
    if (config.outputNorms) for (const part of ['pre', 'post']) norm(`${part}_feedforward_layernorm`);
    linear(`${layer}.mlp.gate_proj`, intermediateSize, hiddenSize, biases.mlp);
    linear(`${layer}.mlp.up_proj`, intermediateSize, hiddenSize, biases.mlp);
    linear(`${layer}.mlp.down_proj`, hiddenSize, intermediateSize, biases.mlp);
  });
  shapes.set('model.norm.weight', [hiddenSize]);
  if (!config.tied) shapes.set('lm_head.weight', [vocabSize, hiddenSize]);
  return shapes;
}

/** The other name of an embedding that is also the output layer. */
export const tiedDecoderNames = (parameter: string, { tied }: Pick<DecoderConfig, 'tied'>): string[] =>
  tied && parameter === 'model.embed_tokens.weight' ? ['lm_head.weight'] : [];

/**
 * Names in published checkpoints that are not needed: angles, which are computed here, and a copy of a tied embedding.
 */
export function isRedundantDecoderName(name: string, config: Pick<DecoderConfig, 'tied'>): boolean {
  return (
    /^model\.(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/.test(name) ||
    tiedDecoderNames('model.embed_tokens.weight', config).includes(name)
  );
}
