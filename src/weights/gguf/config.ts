import { GorpError } from '../../base/errors.ts';
import type { GgufTensor } from './header.ts';
import { badValue, type GgufMetadata } from './values.ts';

const ANOTHER = 'Take another model: this field would change its answers, and it is not supported.';

/** The metadata of one architecture: `llama.block_count` is read as `block_count`. Fields that nobody reads are refused. */
class ArchitectureFields {
  readonly #metadata: GgufMetadata;
  readonly #prefix: string;
  readonly #read = new Set<string>();

  constructor(metadata: GgufMetadata, architecture: string) {
    this.#metadata = metadata;
    this.#prefix = `${architecture}.`;
  }

  #key(name: string): string {
    const key = this.#prefix + name;
    this.#read.add(key);
    return key;
  }

  has(name: string): boolean {
    return this.#metadata.has(this.#prefix + name);
  }

  text(name: string): string | undefined {
    return this.#metadata.text(this.#key(name));
  }

  number(name: string): number | undefined {
    return this.#metadata.number(this.#key(name));
  }

  /** A whole number; a list with one value for each layer counts as that value if all are equal. */
  whole(name: string): number | undefined {
    const key = this.#key(name);
    if (this.#metadata.values.get(key)?.type !== 'array') return this.#metadata.whole(key);
    const list = Array.from(this.#metadata.numbers(key) ?? []);
    if (list.length === 0 || list.some((value) => value !== list[0])) {
      throw badValue(key, 'differs between layers, which is not supported', ANOTHER);
    }
    return list[0];
  }

  /** A whole number that must be there. */
  size(name: string): number {
    return this.whole(name) ?? this.#missing(name);
  }

  positive(name: string): number {
    return this.number(name) ?? this.#missing(name);
  }

  #missing(name: string): never {
    throw badValue(this.#prefix + name, 'is missing');
  }

  /** Fields that do not change the answers. */
  ignore(names: readonly string[]): void {
    for (const name of names) this.#key(name);
  }

  /** The error for a value that is not supported. @param wanted in words: "64, the size of a head". */
  refuse(name: string, wanted: string): never {
    const found = this.#metadata.values.get(this.#prefix + name);
    const value = found === undefined || found.type === 'array' ? 'a list' : String(found.value);
    throw badValue(this.#prefix + name, `is ${value.slice(0, 100)}; only ${wanted} is supported`, ANOTHER);
  }

  /** A field that must be absent or have a neutral value. */
  neutral(name: string, ...allowed: readonly (number | string | boolean)[]): void {
    const found = this.#metadata.values.get(this.#key(name));
    if (found === undefined) return;
    const value = found.type === 'array' ? null : typeof found.value === 'bigint' ? Number(found.value) : found.value;
    if (value === null || !allowed.includes(value)) this.refuse(name, allowed.join(' or '));
  }

  /** @throws GorpError for a field of the architecture that was neither read nor ignored. */
  refuseOthers(): void {
    for (const key of this.#metadata.values.keys()) {
      if (key.startsWith(this.#prefix) && !this.#read.has(key)) {
        throw badValue(key, 'is a field that is not understood', ANOTHER);
      }
    }
  }
}

/** How LLaMA 3.1 and later scale rotary frequencies; only the factor differs between them. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
/** Relative error of a factor that was rounded to 32 bits. */
const ROUNDING = 1e-5;

/**
 * `rope_scaling` of config.json, as an object to spread: empty if there is none. Divisors of each frequency, which some
 * files have as a tensor, become those of LLaMA 3 if they equal them, else a list for each frequency.
 *
 * @param factors the tensor rope_freqs.
 */
function rotaryScaling(
  fields: ArchitectureFields,
  factors: Float32Array | null,
  { headDim, base }: { headDim: number; base: number },
): Record<string, unknown> {
  const kind = fields.text('rope.scaling.type') ?? (fields.has('rope.scale_linear') ? 'linear' : 'none');
  const positions = fields.whole('rope.scaling.original_context_length');
  fields.ignore(['rope.scaling.finetuned']);
  fields.neutral('rope.scaling.attn_factor', 1);
  const factor = fields.number('rope.scaling.factor') ?? fields.number('rope.scale_linear') ?? 1;
  if (kind !== 'none' && kind !== 'linear') fields.refuse('rope.scaling.type', 'none or linear');
  if (factors !== null) {
    if (kind === 'linear') fields.refuse('rope.scaling.type', 'none, beside factors for each frequency,');
    return { rope_scaling: scalingBy(factors, headDim, base, positions ?? fields.size('context_length')) };
  }
  return kind === 'linear' && factor !== 1 ? { rope_scaling: { rope_type: 'linear', factor } } : {};
}

function scalingBy(factors: Float32Array, headDim: number, base: number, positions: number): Record<string, unknown> {
  if (factors.length !== headDim / 2 || factors.some((factor) => !(factor > 0 && Number.isFinite(factor)))) {
    throw badValue('The tensor rope_freqs.weight', `does not have ${headDim / 2} positive numbers`);
  }
  const factor = Math.round(Math.max(...factors));
  const isLlama3 = factors.every((found, i) => {
    const expected = llama3Factor(base ** ((-2 * i) / headDim), factor);
    return Math.abs(found - expected) <= ROUNDING * expected;
  });
  if (isLlama3) return { rope_type: 'llama3', factor, ...LLAMA3 };
  const list = Array.from(factors);
  return {
    rope_type: 'longrope',
    short_factor: list,
    long_factor: list,
    attention_factor: 1,
    original_max_position_embeddings: positions,
  };
}

/** By what LLaMA 3 divides a frequency (`_compute_llama3_parameters` of transformers). */
function llama3Factor(frequency: number, factor: number): number {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: positions } = LLAMA3;
  const turns = (positions * frequency) / (2 * Math.PI);
  if (turns < low) return factor;
  if (turns > high) return 1;
  const smooth = (turns - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}

/**
 * The metadata of a GGUF file as the config.json that the same model has on the hub, so that everything after it treats
 * both alike. What llama.cpp has built in for an architecture (Gemma 3's layers with a window, SmolLM3's layers without
 * positions) is written out.
 */

/** The facts that a config is made from. */
interface GgufFacts {
  readonly metadata: GgufMetadata;
  /** By the names in the file. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** The values of the tensor that scales rotary frequencies, if there is one. */
  readonly rotaryFactors: Float32Array | null;
  readonly tokens: Readonly<Record<'bos_token_id' | 'pad_token_id', number | null>> & {
    readonly endIds: readonly number[];
  };
}

type Config = Record<string, unknown>;
type Read = (fields: ArchitectureFields, facts: GgufFacts) => Config;

/** Every architecture that is read, by its name in the file. */
const ARCHITECTURES: Readonly<Record<string, Read>> = {
  llama: (fields, facts) => ({
    ...decoder(fields, facts, { modelType: 'llama', architecture: 'LlamaForCausalLM' }),
    attention_bias: facts.tensors.has('blk.0.attn_q.bias'),
    mlp_bias: facts.tensors.has('blk.0.ffn_gate.bias'),
  }),
  qwen2: (fields, facts) => decoder(fields, facts, { modelType: 'qwen2', architecture: 'Qwen2ForCausalLM' }),
  qwen3: (fields, facts) => ({
    ...decoder(fields, facts, { modelType: 'qwen3', architecture: 'Qwen3ForCausalLM' }),
    attention_bias: facts.tensors.has('blk.0.attn_q.bias'),
  }),
  smollm3: (fields, facts) => {
    const config = decoder(fields, facts, { modelType: 'smollm3', architecture: 'SmolLM3ForCausalLM' });
    const layers = fields.size('block_count');
    return { ...config, no_rope_layers: Array.from({ length: layers }, (_, i) => ((i + 1) % 4 === 0 ? 0 : 1)) };
  },
  gemma3: gemma,
  t5,
};

/** Names of the tensors in every decoder that is read, and of its T5. */
const EMBEDDING = 'token_embd.weight';
const OUTPUT = 'output.weight';

/** @throws GorpError `weights/gguf-architecture`, naming what is read. */
export function architectureOf(metadata: GgufMetadata): string {
  const type = metadata.text('general.type') ?? 'model';
  const architecture = metadata.text('general.architecture');
  if (architecture === undefined) throw badValue('general.architecture', 'is missing');
  if (type === 'model' && Object.hasOwn(ARCHITECTURES, architecture)) return architecture;
  throw new GorpError(
    'weights/gguf-architecture',
    type === 'model'
      ? `This GGUF file has a model of the architecture ${architecture.slice(0, 100)}; these are read: ${Object.keys(ARCHITECTURES).join(', ')}.`
      : `This GGUF file is of the type ${type.slice(0, 100)}, not a whole model.`,
    'Take a GGUF file of a language model of one of these architectures, such as SmolLM2, Qwen 2 or 3, Gemma 3 or Mistral.',
  );
}

/** The model as config.json describes it. @throws GorpError `weights/gguf-architecture`, `weights/gguf-metadata`. */
export function configOf(facts: GgufFacts): Config {
  const architecture = architectureOf(facts.metadata);
  const fields = new ArchitectureFields(facts.metadata, architecture);
  const config = ARCHITECTURES[architecture](fields, facts);
  fields.refuseOthers();
  return config;
}

/** Fields that all architectures may have. */
function common(fields: ArchitectureFields, { tensors, tokens }: GgufFacts): Config {
  fields.ignore(['vocab_size', 'tensor_data_layout']); // the embedding says the first; only old files have the second
  fields.neutral('expert_count', 0);
  fields.neutral('expert_used_count', 0);
  fields.neutral('pooling_type', 0);
  fields.neutral('attention.causal', true);
  fields.neutral('attention.clamp_kqv', 0);
  fields.neutral('logit_scale', 0, 1);
  fields.neutral('residual_scale', 0, 1);
  fields.neutral('embedding_scale', 0, 1);
  const embedding = tensors.get(EMBEDDING);
  if (embedding?.shape.length !== 2) {
    throw new GorpError(
      'weights/gguf-header',
      `This GGUF file has no matrix ${EMBEDDING}, the embeddings of a language model.`,
      'Take the file with the whole model; of a split model, the first part.',
    );
  }
  const { pad_token_id, endIds } = tokens;
  return {
    vocab_size: embedding.shape[0],
    ...(pad_token_id !== null && { pad_token_id }),
    eos_token_id: endIds.length === 1 ? endIds[0] : [...endIds],
    tie_word_embeddings: !tensors.has(OUTPUT),
  };
}

interface DecoderForm {
  readonly modelType: string;
  readonly architecture: string;
  /** Whether layers may see a window of the text; otherwise the file must not name one. */
  readonly hasWindow?: boolean;
  /** The field with the activation, if it is not SiLU. */
  readonly activation?: Config;
}

function decoder(
  fields: ArchitectureFields,
  facts: GgufFacts,
  { modelType, architecture, hasWindow, activation }: DecoderForm,
): Config {
  const hidden = fields.size('embedding_length');
  const heads = fields.size('attention.head_count');
  const headDim = fields.whole('attention.key_length') ?? hidden / heads;
  for (const name of ['attention.value_length', 'rope.dimension_count']) {
    if ((fields.whole(name) ?? headDim) !== headDim) fields.refuse(name, `${headDim}, the size of a head,`);
  }
  const base = fields.number('rope.freq_base') ?? 10_000;
  if (hasWindow !== true) fields.neutral('attention.sliding_window', 0);
  fields.neutral('attn_logit_softcapping', 0);
  fields.neutral('final_logit_softcapping', 0);
  fields.neutral('attention.scale', 0);
  return {
    model_type: modelType,
    architectures: [architecture],
    ...common(fields, facts),
    ...(facts.tokens.bos_token_id !== null && { bos_token_id: facts.tokens.bos_token_id }),
    hidden_size: hidden,
    intermediate_size: fields.size('feed_forward_length'),
    num_hidden_layers: fields.size('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: fields.whole('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    ...(activation ?? { hidden_act: 'silu' }),
    max_position_embeddings: fields.size('context_length'),
    rms_norm_eps: fields.positive('attention.layer_norm_rms_epsilon'),
    rope_theta: base,
    ...rotaryScaling(fields, facts.rotaryFactors, { headDim, base }),
  };
}

/** llama.cpp knows Gemma 3 27B, which scales attention in its own way, by its number of layers. */
const GEMMA_27B_LAYERS = 62;
const GEMMA_PATTERN = 6;

/** The last of every six layers sees the whole text; the others have a window, and rotate with a base of their own. */
function gemma(fields: ArchitectureFields, facts: GgufFacts): Config {
  const form = {
    modelType: 'gemma3_text',
    architecture: 'Gemma3ForCausalLM',
    hasWindow: true,
    activation: { hidden_activation: 'gelu_pytorch_tanh' },
  };
  const config = decoder(fields, facts, form);
  const [layers, hidden, heads] = ['block_count', 'embedding_length', 'attention.head_count'].map((name) =>
    fields.size(name),
  );
  const window = fields.whole('attention.sliding_window') ?? 0;
  const pattern = fields.whole('attention.sliding_window_pattern') ?? GEMMA_PATTERN;
  const isLocal = (layer: number): boolean => window > 0 && (layer + 1) % pattern !== 0;
  return {
    ...config,
    sliding_window: window === 0 ? null : window,
    layer_types: Array.from({ length: layers }, (_, i) => (isLocal(i) ? 'sliding_attention' : 'full_attention')),
    rope_local_base_freq: fields.number('rope.freq_base_swa') ?? 10_000,
    query_pre_attn_scalar: layers === GEMMA_27B_LAYERS ? hidden / heads : config['head_dim'],
  };
}

/** T5 and umT5: the second has a position bias in every layer. */
function t5(fields: ArchitectureFields, facts: GgufFacts): Config {
  const layers = fields.size('block_count');
  const [keys, heads] = [fields.size('attention.key_length'), fields.size('attention.head_count')];
  if ((fields.whole('attention.value_length') ?? keys) !== keys) fields.refuse('attention.value_length', `${keys}`);
  fields.neutral('attention.head_count_kv', heads);
  fields.ignore(['context_length', 'attention.layer_norm_rms_epsilon']); // T5 has no limit; the other epsilon is the same
  const isUmt5 = layers > 1 && facts.tensors.has('enc.blk.1.attn_rel_b.weight');
  return {
    model_type: isUmt5 ? 'umt5' : 't5',
    architectures: [isUmt5 ? 'UMT5ForConditionalGeneration' : 'T5ForConditionalGeneration'],
    is_encoder_decoder: true,
    ...common(fields, facts),
    d_model: fields.size('embedding_length'),
    d_kv: keys,
    d_ff: fields.size('feed_forward_length'),
    num_heads: heads,
    num_layers: layers,
    num_decoder_layers: fields.whole('decoder_block_count') ?? layers,
    relative_attention_num_buckets: fields.size('attention.relative_buckets_count'),
    relative_attention_max_distance: 128,
    layer_norm_epsilon: fields.positive('attention.layer_norm_epsilon'),
    feed_forward_proj: facts.tensors.has('enc.blk.0.ffn_gate.weight') ? 'gated-gelu' : 'relu',
    decoder_start_token_id: fields.whole('decoder_start_token_id') ?? 0,
  };
}
