import { ConfigReader } from '../models/config.ts';
import { readRotaryScaling, type RotarySettings } from '../models/rotary-angles.ts';

/** A decoder layer's attention: what its positions are, and how far it sees. */
export interface LayerForm {
  /** Which of the model's rotary tables turns queries and keys; null leaves them unturned. */
  rotary: number | null;
  /** A token sees itself and the tokens before it, this many in all; null is no limit. */
  window: number | null;
}

/** What an export has to know of a decoder-only model. Parameters have the names of Hugging Face's LLaMA. */
export interface DecoderForm {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  numHeads: number;
  /** Heads of keys and values; each serves numHeads / numKeyHeads heads of queries. */
  numKeyHeads: number;
  headDim: number;
  activation: 'relu' | 'silu' | 'gelu_new';
  eps: number;
  tied: boolean;
  maxPositions: number;
  layers: LayerForm[];
  rotaries: RotarySettings[];
  /** Which linear layers have a bias. */
  biases: { qkv: boolean; o: boolean; mlp: boolean };
  /** Whether the heads of queries and keys have a norm each: `q_norm`, `k_norm`. */
  headNorms: boolean;
  /** Whether norms multiply by 1 + weight. */
  normAddsOne: boolean;
  /** Whether what attention and feed-forward layers give is normed, too, before it is added. */
  outputNorms: boolean;
  /** By which embeddings are multiplied; 1 for most. */
  embeddingScale: number;
  /** By which q·k is multiplied. */
  attentionScale: number;
}

/** How a family differs from LLaMA. */
interface Family {
  architecture: string;
  activationField?: 'hidden_activation';
  defaults: { eps: number; ropeTheta: number; maxPositions: number; keyHeads?: number; headDim?: number; tied?: true };
  /** What else is different, from the config. */
  traits?: (read: ConfigReader, form: DecoderForm, config: Fields) => Partial<DecoderForm>;
  /** The layers' attention; full attention with the one rotary table where it is not given. */
  layers?: (read: ConfigReader, config: Fields, count: number) => LayerForm[];
}

type Fields = Readonly<Record<string, unknown>>;

/** The families by `model_type`; defaults are those of their configuration classes in transformers. */
const FAMILIES: Readonly<Record<string, Family>> = {
  llama: {
    architecture: 'LlamaForCausalLM',
    defaults: { eps: 1e-6, ropeTheta: 10_000, maxPositions: 2048 },
  },
  mistral: {
    architecture: 'MistralForCausalLM',
    defaults: { eps: 1e-6, ropeTheta: 10_000, maxPositions: 131_072, keyHeads: 8 },
    layers: (read, config, count) => windowed(windowOf(read, config, 4096), count, () => true),
  },
  qwen2: {
    architecture: 'Qwen2ForCausalLM',
    defaults: { eps: 1e-6, ropeTheta: 10_000, maxPositions: 32_768, keyHeads: 32 },
    traits: () => ({ biases: { qkv: true, o: false, mlp: false } }),
    layers: qwenLayers,
  },
  qwen3: {
    architecture: 'Qwen3ForCausalLM',
    defaults: { eps: 1e-6, ropeTheta: 10_000, maxPositions: 32_768, keyHeads: 32, headDim: 128 },
    traits: () => ({ headNorms: true }),
    layers: qwenLayers,
  },
  smollm3: {
    architecture: 'SmolLM3ForCausalLM',
    defaults: { eps: 1e-6, ropeTheta: 2_000_000, maxPositions: 32_768, keyHeads: 4, tied: true },
    layers: smolLayers,
  },
  gemma3_text: {
    architecture: 'Gemma3ForCausalLM',
    activationField: 'hidden_activation',
    defaults: { eps: 1e-6, ropeTheta: 1_000_000, maxPositions: 131_072, keyHeads: 4, headDim: 256, tied: true },
    traits: gemmaTraits,
    layers: gemmaLayers,
  },
};

/** `model_type`s whose export is one graph. */
export const DECODER_TYPES = Object.keys(FAMILIES);

const ACTIVATIONS: Readonly<Record<string, DecoderForm['activation']>> = {
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
};

/** Fields of relatives that change the computation in ways that no graph here has, and the values that do not. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
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
  quantization_config: [],
};

/** Reads config.json of a decoder-only model. @throws GorpError `model/bad-config`, naming the field. */
export function decoderForm(config: unknown): DecoderForm {
  const read = ConfigReader.from(config, 'language');
  const fields = config as Fields; // the reader has checked that it is an object
  const { architecture, activationField, defaults, traits, layers } =
    FAMILIES[read.choice('model_type', DECODER_TYPES)];
  read.architecture([architecture]);
  read.refuseUnlessNeutral(NEUTRAL);
  const hiddenSize = read.size('hidden_size');
  const numHeads = read.size('num_attention_heads');
  const numKeyHeads = read.size('num_key_value_heads', defaults.keyHeads ?? numHeads);
  if (numHeads % numKeyHeads !== 0) throw read.refuse('num_key_value_heads', `a divisor of ${numHeads} heads`);
  const headDim = read.size('head_dim', defaults.headDim ?? Math.floor(hiddenSize / numHeads));
  if (headDim % 2 !== 0) throw read.refuse('head_dim', 'an even size');
  const count = read.size('num_hidden_layers');
  const attentionBias = read.flag('attention_bias', false);
  const form: DecoderForm = {
    vocabSize: read.size('vocab_size'),
    hiddenSize,
    intermediateSize: read.size('intermediate_size'),
    numHeads,
    numKeyHeads,
    headDim,
    activation: ACTIVATIONS[read.choice(activationField ?? 'hidden_act', Object.keys(ACTIVATIONS), 'silu')],
    eps: read.positive('rms_norm_eps', defaults.eps),
    tied: read.flag('tie_word_embeddings', defaults.tied ?? false),
    maxPositions: read.size('max_position_embeddings', defaults.maxPositions),
    layers: layers?.(read, fields, count) ?? windowed(null, count, () => false),
    rotaries: [],
    biases: { qkv: attentionBias, o: attentionBias, mlp: read.flag('mlp_bias', false) },
    headNorms: false,
    normAddsOne: false,
    outputNorms: false,
    embeddingScale: 1,
    attentionScale: headDim ** -0.5,
  };
  form.rotaries = [rotary(read, headDim, defaults.ropeTheta)];
  return { ...form, ...traits?.(read, form, fields) };
}

/** The rotary settings: in the file itself, or, in newer files, in `rope_parameters`. */
function rotary(read: ConfigReader, headDim: number, theta: number): RotarySettings {
  const parameters = read.part('rope_parameters');
  return {
    headDim,
    ropeTheta: (parameters ?? read).positive('rope_theta', theta),
    ropeScaling: readRotaryScaling(parameters ?? read.part('rope_scaling')),
  };
}

/** Layers with the first rotary table, and a window where `isWindowed` says so. */
const windowed = (window: number | null, count: number, isWindowed: (layer: number) => boolean): LayerForm[] =>
  Array.from({ length: count }, (_, i) => ({ rotary: 0, window: isWindowed(i) ? window : null }));

/** `sliding_window`: null in the file is no window. */
function windowOf(read: ConfigReader, config: Fields, fallback: number): number | null {
  return config['sliding_window'] === null ? null : read.size('sliding_window', fallback);
}

/** Which layers slide by `layer_types`; `fallback` where the file has none. */
function slidingBy(
  read: ConfigReader,
  config: Fields,
  count: number,
  fallback: (layer: number) => boolean,
): (layer: number) => boolean {
  const types = config['layer_types'] ?? null;
  if (types === null) return fallback;
  const known = ['full_attention', 'sliding_attention'];
  const isList =
    Array.isArray(types) && types.length === count && types.every((type) => known.includes(type as string));
  if (!isList) throw read.refuse('layer_types', `one of ${known.join(', ')} for each of ${count} layers`);
  return (layer) => (types as string[])[layer] === 'sliding_attention';
}

/** Qwen2Config: with `use_sliding_window`, layers from `max_window_layers` on. */
function qwenLayers(read: ConfigReader, config: Fields, count: number): LayerForm[] {
  const window = read.flag('use_sliding_window', false) ? windowOf(read, config, 4096) : null;
  const full = read.has('max_window_layers') ? Number(config['max_window_layers']) : 28;
  return windowed(
    window,
    count,
    slidingBy(read, config, count, (layer) => layer >= full),
  );
}

/** SmolLM3Config: `no_rope_layers` is 0 for layers without positions; every fourth by default. */
function smolLayers(read: ConfigReader, config: Fields, count: number): LayerForm[] {
  const interval = read.size('no_rope_layer_interval', 4);
  const list = config['no_rope_layers'] ?? null;
  if (list !== null && !(Array.isArray(list) && list.length === count)) {
    throw read.refuse('no_rope_layers', `0 or 1 for each of ${count} layers`);
  }
  const turns = (layer: number): boolean =>
    list === null ? (layer + 1) % interval !== 0 : Boolean((list as unknown[])[layer]);
  const window =
    read.flag('use_sliding_window', false) && read.has('sliding_window') ? read.size('sliding_window') : null;
  const slides = slidingBy(read, config, count, (layer) => !turns(layer));
  return windowed(window, count, slides).map((layer, i) => (turns(i) ? layer : { ...layer, rotary: null }));
}

/** Gemma3TextConfig: five layers of six see a window, and have a rotary base of their own. */
function gemmaLayers(read: ConfigReader, config: Fields, count: number): LayerForm[] {
  const pattern = read.size(
    read.has('_sliding_window_pattern') ? '_sliding_window_pattern' : 'sliding_window_pattern',
    6,
  );
  const slides = slidingBy(read, config, count, (layer) => (layer + 1) % pattern !== 0);
  return windowed(windowOf(read, config, 4096), count, slides).map((layer, i) =>
    slides(i) ? { ...layer, rotary: 1 } : layer,
  );
}

/** Gemma3RMSNorm, Gemma3TextScaledWordEmbedding and the two rotary tables: for full attention, then for windows. */
function gemmaTraits(read: ConfigReader, { headDim, hiddenSize }: DecoderForm): Partial<DecoderForm> {
  const byType = read.part('rope_parameters'); // of newer files
  const local = byType?.part('sliding_attention');
  const full = byType?.part('full_attention');
  return {
    headNorms: true,
    normAddsOne: true,
    outputNorms: true,
    embeddingScale: Math.fround(hiddenSize ** 0.5),
    attentionScale: read.positive('query_pre_attn_scalar', 256) ** -0.5,
    activation: ACTIVATIONS[read.choice('hidden_activation', Object.keys(ACTIVATIONS), 'gelu_pytorch_tanh')],
    rotaries: [
      {
        headDim,
        ropeTheta: (full ?? read).positive('rope_theta', 1_000_000),
        ropeScaling: readRotaryScaling(full ?? read.part('rope_scaling')),
      },
      {
        headDim,
        ropeTheta: local?.positive('rope_theta', 10_000) ?? read.positive('rope_local_base_freq', 10_000),
        ropeScaling: readRotaryScaling(local),
      },
    ],
  };
}

/** Names and shapes of every parameter, Hugging Face's. */
export function decoderShapes(form: DecoderForm): Map<string, number[]> {
  const { vocabSize, hiddenSize, intermediateSize, numHeads, numKeyHeads, headDim, biases } = form;
  const shapes = new Map<string, number[]>([['model.embed_tokens.weight', [vocabSize, hiddenSize]]]);
  const linear = (name: string, out: number, inputs: number, hasBias: boolean): void => {
    shapes.set(`${name}.weight`, [out, inputs]);
    if (hasBias) shapes.set(`${name}.bias`, [out]);
  };
  form.layers.forEach((_, i) => {
    const layer = `model.layers.${i}`;
    linear(`${layer}.self_attn.q_proj`, numHeads * headDim, hiddenSize, biases.qkv);
    linear(`${layer}.self_attn.k_proj`, numKeyHeads * headDim, hiddenSize, biases.qkv);
    linear(`${layer}.self_attn.v_proj`, numKeyHeads * headDim, hiddenSize, biases.qkv);
    linear(`${layer}.self_attn.o_proj`, hiddenSize, numHeads * headDim, biases.o);
    linear(`${layer}.mlp.gate_proj`, intermediateSize, hiddenSize, biases.mlp);
    linear(`${layer}.mlp.up_proj`, intermediateSize, hiddenSize, biases.mlp);
    linear(`${layer}.mlp.down_proj`, hiddenSize, intermediateSize, biases.mlp);
    const norms = ['input_layernorm', 'post_attention_layernorm'];
    if (form.outputNorms) norms.push('pre_feedforward_layernorm', 'post_feedforward_layernorm');
    for (const norm of norms) shapes.set(`${layer}.${norm}.weight`, [hiddenSize]);
    if (form.headNorms) {
      for (const norm of ['q_norm', 'k_norm']) shapes.set(`${layer}.self_attn.${norm}.weight`, [headDim]);
    }
  });
  shapes.set('model.norm.weight', [hiddenSize]);
  if (!form.tied) shapes.set('lm_head.weight', [vocabSize, hiddenSize]);
  return shapes;
}
