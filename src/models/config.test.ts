import { describe, expect, test } from 'vitest';
import { GorpError } from '../base/errors.ts';
import {
  type DecoderConfig,
  decoderParameterShapes,
  isRedundantDecoderName,
  parseDecoderConfig,
} from './decoder-config.ts';
import { LLAMA } from './decoder-families.ts';
import { isRedundantT5Name, parseT5Config, T5_TRAITS, type T5Config, t5ParameterShapes } from './t5-config.ts';

const readLlama = (config: unknown): DecoderConfig => parseDecoderConfig(LLAMA, config);
const readT5 = (config: unknown): T5Config => parseT5Config(T5_TRAITS, config);

type Fields = Record<string, unknown>;

/** The error message for a config; throws if the config is accepted. */
function refusal(parse: (config: unknown) => unknown, config: unknown): string {
  try {
    parse(config);
  } catch (error) {
    if (error instanceof GorpError && error.code === 'model/bad-config') return error.message;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(config)}`);
}

/** A message about a field, with its value or about its absence. */
const named = (field: string): RegExp => new RegExp(` ${field.replace('.', '\\.')}( = |, which must be )`);

// As published: TinyLlama-1.1B, SmolLM2-135M and LLaMA-3.2-1B.
const tinyLlama: Fields = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 5632,
  max_position_embeddings: 2048,
  model_type: 'llama',
  num_attention_heads: 32,
  num_hidden_layers: 22,
  num_key_value_heads: 4,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 10000,
  tie_word_embeddings: false,
  torch_dtype: 'float32',
  transformers_version: '4.35.0',
  use_cache: true,
  vocab_size: 32000,
};
const smolLm2: Fields = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 0,
  eos_token_id: 0,
  hidden_act: 'silu',
  hidden_size: 576,
  intermediate_size: 1536,
  is_llama_config: true,
  max_position_embeddings: 8192,
  model_type: 'llama',
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_interleaved: false,
  rope_scaling: null,
  rope_theta: 100000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  vocab_size: 49152,
};
const llama32: Fields = {
  ...tinyLlama,
  bos_token_id: 128000,
  eos_token_id: [128001, 128008, 128009],
  head_dim: 64,
  max_position_embeddings: 131072,
  mlp_bias: false,
  num_hidden_layers: 16,
  num_key_value_heads: 8,
  rope_scaling: {
    factor: 32,
    high_freq_factor: 4,
    low_freq_factor: 1,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
  rope_theta: 500000,
  tie_word_embeddings: true,
  vocab_size: 128256,
};
const t5Small: Fields = {
  architectures: ['T5ForConditionalGeneration'],
  d_ff: 2048,
  d_kv: 64,
  d_model: 512,
  decoder_start_token_id: 0,
  dropout_rate: 0.1,
  eos_token_id: 1,
  initializer_factor: 1,
  is_encoder_decoder: true,
  layer_norm_epsilon: 1e-6,
  model_type: 't5',
  n_positions: 512,
  num_heads: 8,
  num_layers: 6,
  output_past: true,
  pad_token_id: 0,
  relative_attention_num_buckets: 32,
  task_specific_params: { summarization: { num_beams: 4 } },
  vocab_size: 32128,
};
const flanT5Small: Fields = {
  ...t5Small,
  d_ff: 1024,
  dense_act_fn: 'gelu_new',
  feed_forward_proj: 'gated-gelu',
  is_gated_act: true,
  num_decoder_layers: 8,
  num_heads: 6,
  num_layers: 8,
  tie_word_embeddings: false,
};

describe('LLaMA', () => {
  test('reads configs as published', () => {
    expect(readLlama(tinyLlama)).toMatchObject({
      headDim: 64,
      numKeyHeads: 4,
      tied: false,
      endIds: [2],
      padId: 2,
    });
    expect(readLlama(smolLm2)).toMatchObject({
      headDim: 64,
      rotaries: [{ ropeTheta: 100000 }],
      tied: true,
      activation: 'silu',
    });
    expect(readLlama(llama32)).toMatchObject({
      endIds: [128001, 128008, 128009],
      rotaries: [{ ropeScaling: { type: 'llama3', factor: 32, lowFactor: 1, highFactor: 4, originalPositions: 8192 } }],
    });
  });

  test('uses the defaults of LlamaConfig', () => {
    const { model_type, vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads } =
      tinyLlama;
    const bare = { model_type, vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads };
    expect(readLlama(bare)).toMatchObject({
      numKeyHeads: 32,
      eps: 1e-6,
      rotaries: [{ ropeTheta: 10000, ropeScaling: { type: 'default' } }],
      maxPositions: 2048,
      tied: false,
      endIds: [2],
    });
  });

  test('respects a head size other than hidden_size / heads', () => {
    const config = readLlama({ ...tinyLlama, head_dim: 80 });
    const shapes = decoderParameterShapes(config);
    expect(shapes.get('model.layers.0.self_attn.q_proj.weight')).toEqual([2560, 2048]);
    expect(shapes.get('model.layers.0.self_attn.v_proj.weight')).toEqual([320, 2048]);
    expect(shapes.get('model.layers.0.self_attn.o_proj.weight')).toEqual([2048, 2560]);
  });

  test('reads rope_parameters of later transformers in place of rope_theta and rope_scaling', () => {
    const rope = { rope_type: 'linear', factor: 4, rope_theta: 5e5 };
    expect(readLlama({ ...tinyLlama, rope_parameters: rope })).toMatchObject({
      rotaries: [{ ropeTheta: 5e5, ropeScaling: { type: 'linear', factor: 4 } }],
    });
  });

  test.each<[string, Fields]>([
    ['model_type', { model_type: 'mistral' }],
    ['model_type', { model_type: 'qwen2' }],
    ['model_type', { model_type: undefined }],
    ['architectures', { architectures: ['LlamaForSequenceClassification'] }],
    ['attention_bias', { attention_bias: 1 }],
    ['sliding_window', { sliding_window: 4096 }],
    ['hidden_act', { hidden_act: 'gelu' }],
    ['partial_rotary_factor', { partial_rotary_factor: 0.5 }],
    ['rope_interleaved', { rope_interleaved: true }],
    ['final_logit_softcapping', { final_logit_softcapping: 30 }],
    ['attn_logit_softcapping', { attn_logit_softcapping: 50 }],
    ['embedding_multiplier', { embedding_multiplier: 12 }],
    ['rope_scaling.rope_type', { rope_scaling: { rope_type: 'yarn', factor: 4 } }],
    ['rope_scaling.type', { rope_scaling: { type: 'dynamic', factor: 2 } }],
    ['rope_scaling.factor', { rope_scaling: { type: 'linear' } }],
    [
      'rope_scaling.high_freq_factor',
      { rope_scaling: { ...(llama32['rope_scaling'] as Fields), high_freq_factor: 1 } },
    ],
    ['rope_scaling', { rope_scaling: 2 }],
    ['num_key_value_heads', { num_key_value_heads: 5 }],
    ['head_dim', { head_dim: 63 }],
    ['eos_token_id', { eos_token_id: 32000 }],
    ['eos_token_id', { eos_token_id: [] }],
    ['pad_token_id', { pad_token_id: 32000 }],
    ['hidden_size', { hidden_size: '2048' }],
    ['num_hidden_layers', { num_hidden_layers: 0 }],
    ['num_hidden_layers', { num_hidden_layers: 1e6 }],
    ['vocab_size', { vocab_size: 2 ** 40 }],
    ['rms_norm_eps', { rms_norm_eps: -1 }],
    ['tie_word_embeddings', { tie_word_embeddings: 'no' }],
  ])('refuses %s and names the field: %j', (field, change) => {
    expect(refusal(readLlama, { ...tinyLlama, ...change })).toMatch(named(field));
  });

  test('reads a padding id of −1 as none', () => {
    expect(readLlama({ ...tinyLlama, pad_token_id: -1 }).padId).toBe(2);
    expect(readLlama({ ...tinyLlama, pad_token_id: 0 }).padId).toBe(0);
  });

  test('recognises redundant names in published checkpoints', () => {
    const [tied, untied] = [smolLm2, tinyLlama].map(readLlama);
    for (const config of [tied, untied]) {
      expect(isRedundantDecoderName('model.layers.3.self_attn.rotary_emb.inv_freq', config)).toBe(true);
      expect(isRedundantDecoderName('model.layers.3.self_attn.q_proj.bias', config)).toBe(false);
    }
    expect(isRedundantDecoderName('lm_head.weight', tied)).toBe(true);
    expect(isRedundantDecoderName('lm_head.weight', untied)).toBe(false);
    expect(decoderParameterShapes(tied).has('lm_head.weight')).toBe(false);
    expect(decoderParameterShapes(untied).get('lm_head.weight')).toEqual([32000, 2048]);
  });
});

describe('T5', () => {
  test('reads configs as published', () => {
    expect(readT5(t5Small)).toMatchObject({
      activation: 'relu',
      gated: false,
      tied: true,
      numDecoderLayers: 6,
      maxDistance: 128,
      endIds: [1],
    });
    expect(readT5({ ...t5Small, architectures: ['T5WithLMHeadModel'] }).vocabSize).toBe(32128);
    expect(readT5(flanT5Small)).toMatchObject({ activation: 'gelu_new', gated: true, tied: false });
    expect(readT5({ ...flanT5Small, feed_forward_proj: 'gated-silu', dense_act_fn: 'silu' })).toMatchObject({
      activation: 'silu',
      gated: true,
    });
  });

  test.each<[string, Fields]>([
    ['model_type', { model_type: 'mt5' }],
    ['architectures', { architectures: ['T5EncoderModel'] }],
    ['feed_forward_proj', { feed_forward_proj: 'gelu' }],
    ['dense_act_fn', { dense_act_fn: 'gelu_new' }],
    ['is_gated_act', { is_gated_act: true }],
    ['tie_encoder_decoder', { tie_encoder_decoder: true }],
    ['scale_decoder_outputs', { tie_word_embeddings: false, scale_decoder_outputs: true }],
    ['relative_attention_num_buckets', { relative_attention_num_buckets: 2 }],
    ['relative_attention_max_distance', { relative_attention_max_distance: 16 }],
    ['decoder_start_token_id', { decoder_start_token_id: 32128 }],
    ['pad_token_id', { pad_token_id: -1 }],
    ['layer_norm_epsilon', { layer_norm_epsilon: 0 }],
    ['d_kv', { d_kv: 0.5 }],
    ['num_layers', { num_layers: 1e6 }],
    ['num_decoder_layers', { num_decoder_layers: 1e6 }],
    ['d_ff', { d_ff: 2 ** 40 }],
  ])('refuses %s and names the field: %j', (field, change) => {
    expect(refusal(readT5, { ...t5Small, ...change })).toMatch(named(field));
  });

  test('recognises redundant names in published checkpoints', () => {
    const [tied, untied] = [t5Small, flanT5Small].map(readT5);
    for (const name of ['encoder.embed_tokens.weight', 'decoder.embed_tokens.weight']) {
      expect([isRedundantT5Name(name, tied), isRedundantT5Name(name, untied)]).toEqual([true, true]);
    }
    const unused = 'decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight';
    expect(isRedundantT5Name(unused, tied)).toBe(true);
    expect([isRedundantT5Name('lm_head.weight', tied), isRedundantT5Name('lm_head.weight', untied)]).toEqual([
      true,
      false,
    ]);
    expect(t5ParameterShapes(tied).get('shared.weight')).toEqual([32128, 512]);
  });
});

test('refuses a config that is not an object', () => {
  for (const config of [null, [], 'llama', 3]) {
    expect(refusal(readLlama, config)).toContain('config.json is not a JSON object');
  }
});
