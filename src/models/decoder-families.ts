import type { ConfigReader } from './config.ts';
import { type DecoderConfig, type DecoderLayer, type DecoderTraits, windowed } from './decoder-config.ts';
import { readRotaryScaling } from './rotary-angles.ts';

const noBias = { attention_bias: [false], mlp_bias: [false] };

/** LlamaConfig: LLaMA, TinyLlama, SmolLM2 and others saved as LLaMA. */
export const LLAMA: DecoderTraits = {
  modelType: 'llama',
  architectures: ['LlamaForCausalLM', 'LLaMAForCausalLM'],
  defaults: { endId: 2 },
  neutral: { sliding_window: [], use_sliding_window: [false], no_rope_layers: [], query_pre_attn_scalar: [] },
};

/** MistralConfig: every layer has the window. */
const MISTRAL: DecoderTraits = {
  modelType: 'mistral',
  architectures: ['MistralForCausalLM'],
  defaults: { maxPositions: 131_072, keyHeads: 8, endId: 2 },
  neutral: noBias,
  layers: (read, count) => windowed(windowOf(read), count, () => true),
};

/** Qwen2Config: biases for queries, keys and values. */
const QWEN2: DecoderTraits = {
  modelType: 'qwen2',
  architectures: ['Qwen2ForCausalLM'],
  defaults: { maxPositions: 32_768, keyHeads: 32 },
  neutral: noBias,
  layers: qwenLayers,
  more: () => ({ biases: { qkv: true, o: false, mlp: false } }),
};

/** Qwen3Config: no biases, and a norm in every query and key head. */
const QWEN3: DecoderTraits = {
  modelType: 'qwen3',
  architectures: ['Qwen3ForCausalLM'],
  defaults: { maxPositions: 32_768, keyHeads: 32, headDim: 128 },
  neutral: { mlp_bias: [false] },
  layers: qwenLayers,
  more: () => ({ headNorms: true }),
};

/** SmolLM3Config: some layers have no positions. */
const SMOLLM3: DecoderTraits = {
  modelType: 'smollm3',
  architectures: ['SmolLM3ForCausalLM'],
  defaults: { ropeTheta: 2_000_000, maxPositions: 32_768, keyHeads: 4, tied: true, endId: 128_001 },
  layers: smolLayers,
};

/** Gemma3TextConfig: norms on both sides of a block, scaled embeddings, and local layers with their own angles. */
const GEMMA3: DecoderTraits = {
  modelType: 'gemma3_text',
  architectures: ['Gemma3ForCausalLM'],
  defaults: { ropeTheta: 1_000_000, maxPositions: 131_072, keyHeads: 4, headDim: 256, tied: true, endId: 1 },
  neutral: { mlp_bias: [false] },
  activation: ['hidden_activation', 'gelu_pytorch_tanh'],
  layers: gemmaLayers,
  more: gemmaParts,
};

/** `sliding_window`: null means no window. */
const windowOf = (read: ConfigReader): number | null =>
  read.isNull('sliding_window') ? null : read.size('sliding_window', 4096);

/** Which layers slide according to `layer_types`; `fallback` if missing. */
function slidingBy(
  read: ConfigReader,
  count: number,
  fallback: (layer: number) => boolean,
): (layer: number) => boolean {
  const types = read.list('layer_types', count, ['full_attention', 'sliding_attention']);
  return types === undefined ? fallback : (layer) => types[layer] === 'sliding_attention';
}

/** With `use_sliding_window`, layers from `max_window_layers` on. */
function qwenLayers(read: ConfigReader, count: number): DecoderLayer[] {
  const window = read.flag('use_sliding_window', false) ? windowOf(read) : null;
  const full = read.count('max_window_layers', 28);
  const slides = slidingBy(read, count, (layer) => layer >= full);
  return windowed(window, count, slides);
}

/** `no_rope_layers` is 0 for layers without positions: every fourth by default. */
function smolLayers(read: ConfigReader, count: number): DecoderLayer[] {
  const interval = read.size('no_rope_layer_interval', 4);
  const turned = read.list('no_rope_layers', count, [0, 1]);
  const turns = (layer: number): boolean => (turned ? turned[layer] === 1 : (layer + 1) % interval !== 0);
  const window =
    read.flag('use_sliding_window', false) && read.has('sliding_window') ? read.size('sliding_window') : null;
  const slides = slidingBy(read, count, (layer) => !turns(layer));
  return windowed(window, count, slides).map((layer, i) => (turns(i) ? layer : { ...layer, rotary: null }));
}

/** Five layers of six see a window, and use the second rotary table. */
function gemmaLayers(read: ConfigReader, count: number): DecoderLayer[] {
  const name = read.has('_sliding_window_pattern') ? '_sliding_window_pattern' : 'sliding_window_pattern';
  const pattern = read.size(name, 6);
  const slides = slidingBy(read, count, (layer) => (layer + 1) % pattern !== 0);
  return windowed(windowOf(read), count, slides).map((layer, i) => (slides(i) ? { ...layer, rotary: 1 } : layer));
}

/** Gemma3RMSNorm, Gemma3TextScaledWordEmbedding and the two rotary tables: for full attention, then for windows. */
function gemmaParts(read: ConfigReader, { headDim, hiddenSize }: DecoderConfig): Partial<DecoderConfig> {
  const byType = read.part('rope_parameters'); // in newer files
  const [full, local] = [byType?.part('full_attention'), byType?.part('sliding_attention')];
  return {
    headNorms: true,
    normAddsOne: true,
    outputNorms: true,
    embeddingScale: Math.fround(hiddenSize ** 0.5),
    attentionScale: read.positive('query_pre_attn_scalar', 256) ** -0.5,
    rotaries: [
      {
        headDim,
        ropeTheta: (full ?? read).positive('rope_theta', 1_000_000),
        ropeScaling: readRotaryScaling(full ?? read.part('rope_scaling'), headDim),
      },
      {
        headDim,
        ropeTheta: local?.positive('rope_theta', 10_000) ?? read.positive('rope_local_base_freq', 10_000),
        ropeScaling: readRotaryScaling(local, headDim),
      },
    ],
  };
}

/** All supported families of decoder-only models, those that others resemble most first. */
export const DECODER_TRAITS: readonly DecoderTraits[] = [LLAMA, MISTRAL, QWEN2, QWEN3, SMOLLM3, GEMMA3];
