import { describe, expect, test } from 'vitest';
import { reportOf } from '../base/errors.ts';
import { DECODERS, ENCODER_DECODERS, familiesIn } from '../testing/families.ts';
import { FAMILIES, familyOf } from './families.ts';

type Fields = Record<string, unknown>;

/** The report of the error for a config. */
function refusal(config: unknown): ReturnType<typeof reportOf> {
  try {
    familyOf(config).read(config);
  } catch (error) {
    return reportOf(error);
  }
  throw new Error(`accepted: ${JSON.stringify(config)}`);
}

test('every family has reference numbers', () => {
  const types = familiesIn([...ENCODER_DECODERS, ...DECODERS]).map(
    ({ family, reference }) => reference.json<Fields>(`golden/${family}/config.json`)['model_type'],
  );
  expect(new Set(types)).toEqual(new Set(FAMILIES.map(({ modelType }) => modelType)));
});

describe.each(familiesIn([...ENCODER_DECODERS, ...DECODERS]))('$family of $reference.name', ({ family, reference }) => {
  const folder = `golden/${family}`;
  const config = reference.json<Fields>(`${folder}/config.json`);
  const read = (json: Fields): object => {
    const { config, shapes } = familyOf(json).read(json);
    return { config, shapes };
  };

  const newer = `${folder}/config.transformers5.json`;
  if (reference.has(newer))
    test('reads the same config as saved by transformers 5', () => {
      expect(read(reference.json(newer))).toEqual(read(config));
    });

  test('refuses quantised weights and says what to use instead', () => {
    const report = refusal({ ...config, quantization_config: { quant_method: 'gptq', bits: 4 } });
    expect(report).toMatchObject({ code: 'model/quantised-checkpoint' });
    expect(report.message).toContain('gptq');
    expect(report.nextStep).toContain('frozen weights');
  });

  test('refuses architectures that cannot generate answers', () => {
    const report = refusal({ ...config, architectures: ['SomethingForSequenceClassification'] });
    expect(report.message).toContain(' architectures = ');
  });
});

// As published, without fields that do not affect the computation.
const qwen25: Fields = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_act: 'silu',
  hidden_size: 896,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  max_window_layers: 21,
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  sliding_window: 32768,
  bos_token_id: 151643,
  eos_token_id: 151645,
  tie_word_embeddings: true,
  use_sliding_window: false,
  vocab_size: 151936,
};
const gemma270m: Fields = {
  architectures: ['Gemma3ForCausalLM'],
  model_type: 'gemma3_text',
  _sliding_window_pattern: 6,
  head_dim: 256,
  attention_bias: false,
  attn_logit_softcapping: null,
  final_logit_softcapping: null,
  hidden_size: 640,
  hidden_activation: 'gelu_pytorch_tanh',
  intermediate_size: 2048,
  max_position_embeddings: 32768,
  num_attention_heads: 4,
  num_hidden_layers: 18,
  num_key_value_heads: 1,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_local_base_freq: 10000,
  rope_theta: 1e6,
  rope_scaling: null,
  sliding_window: 512,
  bos_token_id: 2,
  eos_token_id: 1,
  pad_token_id: 0,
  use_bidirectional_attention: false,
  vocab_size: 262144,
};
const mistral: Fields = {
  architectures: ['MistralForCausalLM'],
  model_type: 'mistral',
  hidden_act: 'silu',
  hidden_size: 4096,
  intermediate_size: 14336,
  max_position_embeddings: 32768,
  num_attention_heads: 32,
  num_hidden_layers: 2,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  vocab_size: 32000,
};

describe('missing fields have the defaults of transformers', () => {
  const layersOf = (config: Fields): unknown => (familyOf(config).read(config).config as unknown as Fields)['layers'];

  test('Qwen2: no window, or one from a layer on', () => {
    expect(familyOf(qwen25).read(qwen25).config).toMatchObject({
      headDim: 64,
      biases: { qkv: true, o: false, mlp: false },
    });
    expect(layersOf(qwen25)).toEqual(new Array(24).fill({ rotary: 0, window: null }));
    const windowed = layersOf({ ...qwen25, use_sliding_window: true, max_window_layers: 22 }) as Fields[];
    expect(windowed.map(({ window }) => window)).toEqual([...new Array<null>(22).fill(null), 32768, 32768]);
  });

  test('Gemma 3: every sixth layer sees everything, embeddings are tied', () => {
    expect(familyOf(gemma270m).read(gemma270m).config).toMatchObject({
      tied: true,
      attentionScale: 1 / 16,
      normAddsOne: true,
    });
    const layers = layersOf(gemma270m) as Fields[];
    layers.forEach((layer, i) => {
      expect(layer).toEqual((i + 1) % 6 === 0 ? { rotary: 0, window: null } : { rotary: 1, window: 512 });
    });
  });

  test('Mistral: a window of 4096 unless the file gives another or null', () => {
    const windows = (more: Fields): unknown[] =>
      (layersOf({ ...mistral, ...more }) as Fields[]).map((one) => one['window']);
    expect(windows({})).toEqual([4096, 4096]);
    expect(windows({ sliding_window: 7 })).toEqual([7, 7]);
    expect(windows({ sliding_window: null })).toEqual([null, null]);
  });

  test('Qwen: no default end-of-text token', () => {
    expect(refusal({ ...qwen25, eos_token_id: undefined }).message).toContain(
      ' lacks eos_token_id, which must be a token id',
    );
  });

  test.each<[string, Fields]>([
    ['layer_types', { ...gemma270m, layer_types: ['full_attention'] }],
    ['layer_types', { ...gemma270m, layer_types: new Array(18).fill('chunked_attention') }],
    ['final_logit_softcapping', { ...gemma270m, final_logit_softcapping: 30 }],
    ['use_bidirectional_attention', { ...gemma270m, use_bidirectional_attention: true }],
    ['hidden_activation', { ...gemma270m, hidden_activation: 'gelu' }],
    ['sliding_window', { ...mistral, sliding_window: 0 }],
    ['max_window_layers', { ...qwen25, max_window_layers: -1 }],
    ['attention_bias', { ...qwen25, attention_bias: true }],
    ['rope_scaling.rope_type', { ...qwen25, rope_scaling: { rope_type: 'yarn', factor: 4 } }],
  ])('refuses %s by name', (field, config) => {
    expect(refusal(config)).toMatchObject({ code: 'model/bad-config' });
    expect(refusal(config).message).toContain(` ${field} = `);
  });

  test('says what a refused field must be', () => {
    const { message } = refusal({ ...gemma270m, final_logit_softcapping: 30 });
    expect(message).toBe(
      'config.json of this gemma3_text model has final_logit_softcapping = 30, which must be absent.',
    );
  });
});

describe('an unknown family', () => {
  const sees = { vision_config: { hidden_size: 8 } };
  test.each<[string, Fields, string, string]>([
    ['qwen3_moe', { num_experts: 128 }, 'qwen3', 'this model is a mixture of experts.'],
    ['qwen2_5_vl', sees, 'qwen2', 'this model reads images as well.'],
    ['qwen2_audio', { audio_config: {} }, 'qwen2', 'this model reads sound as well.'],
    ['gemma3', sees, 'gemma3_text', 'text-only'],
    ['gemma4', { ...sees, audio_config: {} }, 'gemma3_text', 'this model reads images and sound as well.'],
    ['mixtral', { num_local_experts: 8 }, 'mistral', 'this model is a mixture of experts.'],
    [
      'llama4',
      { ...sees, text_config: { num_local_experts: 16 } },
      'llama',
      'this model is a mixture of experts and reads images as well.',
    ],
    ['gemma2', {}, 'gemma3_text', 'attn_logit_softcapping'],
  ])('%s with %j: names %s and what differs', (type, fields, nearest, differs) => {
    const { code, message, nextStep } = refusal({ ...qwen25, ...fields, model_type: type });
    expect(code).toBe('model/unknown-family');
    expect(message).toContain(`The nearest supported family is ${nearest};`);
    expect(message).toContain(differs);
    for (const { modelType } of FAMILIES) expect(nextStep).toContain(modelType);
  });

  test('compares a family without an entry field by field', () => {
    const { message } = refusal({ ...mistral, model_type: 'mistral_next', clip_qkv: 8 });
    expect(message).toContain('nearest supported family is mistral; read as mistral, it is refused:');
    expect(message).toContain('clip_qkv = 8');
    expect(refusal({ ...qwen25, model_type: 'elephant', qk_norm: true }).message).toContain(
      'is llama; read as llama, it is refused:',
    );
    expect(refusal({ model_type: 'elephant', is_encoder_decoder: true }).message).toContain(
      'is t5; read as t5, it is refused:',
    );
    expect(refusal({ ...mistral, model_type: 'constructor' }).message).toContain('of the family constructor');
  });

  test('refuses a config without a family', () => {
    expect(refusal({ vocab_size: 3 }).message).toContain('has no model_type');
    expect(refusal([])).toMatchObject({ code: 'model/bad-config' });
  });
});
