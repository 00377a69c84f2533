import { describe, expect, it } from 'vitest';
import { parseDecoderConfig } from './decoder-config.ts';
import { DECODER_TRAITS } from './decoder-families.ts';

const SIZES = {
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 40,
  num_hidden_layers: 6,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  eos_token_id: 1,
};
function form(model_type: string, more: object = {}) {
  const traits = DECODER_TRAITS.find(({ modelType }) => modelType === model_type);
  if (traits === undefined) throw new Error(`no family ${model_type}`);
  return parseDecoderConfig(traits, { ...SIZES, model_type, ...more });
}
const windows = (model_type: string, more: object = {}) => form(model_type, more).layers.map(({ window }) => window);

describe('the config of a decoder-only model', () => {
  it('has the windows of the family', () => {
    expect(windows('llama')).toEqual(Array(6).fill(null));
    expect(windows('mistral')).toEqual(Array(6).fill(4096));
    expect(windows('mistral', { sliding_window: null })).toEqual(Array(6).fill(null));
    expect(windows('qwen2', { sliding_window: 8, max_window_layers: 4 })).toEqual(Array(6).fill(null));
    const slides = { use_sliding_window: true, sliding_window: 8, max_window_layers: 4 };
    expect(windows('qwen2', slides)).toEqual([null, null, null, null, 8, 8]);
    expect(windows('gemma3_text', { sliding_window: 8 })).toEqual([8, 8, 8, 8, 8, null]);
    const layer_types = ['full_attention', ...Array<string>(5).fill('sliding_attention')];
    expect(windows('gemma3_text', { sliding_window: 8, layer_types })).toEqual([null, 8, 8, 8, 8, 8]);
  });

  it('knows which layers have positions, and their base', () => {
    const rotary = (model_type: string, more: object = {}) => form(model_type, more).layers.map(({ rotary }) => rotary);
    expect(rotary('smollm3')).toEqual([0, 0, 0, null, 0, 0]);
    expect(rotary('smollm3', { no_rope_layers: [0, 1, 1, 0, 1, 1] })).toEqual([null, 0, 0, null, 0, 0]);
    expect(rotary('gemma3_text')).toEqual([1, 1, 1, 1, 1, 0]);
    const bases = (more: object) => form('gemma3_text', more).rotaries.map(({ ropeTheta }) => ropeTheta);
    expect(bases({})).toEqual([1_000_000, 10_000]);
    const rope_parameters = { full_attention: { rope_theta: 500 }, sliding_attention: { rope_theta: 50 } };
    expect(bases({ rope_parameters })).toEqual([500, 50]);
  });

  it('has the biases, norms and scales of the family', () => {
    expect(form('qwen2')).toMatchObject({ biases: { qkv: true, o: false, mlp: false }, headNorms: false });
    expect(form('qwen3')).toMatchObject({ headDim: 128, headNorms: true, biases: { qkv: false } });
    expect(form('llama', { attention_bias: true })).toMatchObject({ biases: { qkv: true, o: true, mlp: false } });
    expect(form('gemma3_text', { query_pre_attn_scalar: 64 })).toMatchObject({
      attentionScale: 0.125,
      embeddingScale: Math.fround(Math.sqrt(32)),
      normAddsOne: true,
      outputNorms: true,
      tied: true,
      activation: 'gelu_new',
    });
  });

  it.each([
    ['llama', { architectures: ['LlamaForSequenceClassification'] }, 'architectures'],
    ['llama', { num_key_value_heads: 3 }, 'num_key_value_heads'],
    ['llama', { head_dim: 7 }, 'head_dim'],
    ['llama', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
    ['gemma3_text', { final_logit_softcapping: 30 }, 'final_logit_softcapping'],
    ['gemma3_text', { layer_types: ['full_attention'] }, 'layer_types'],
    ['smollm3', { no_rope_layers: [1] }, 'no_rope_layers'],
  ])('refuses %s with %o', (model_type, more, field) => {
    expect(() => form(model_type, more)).toThrow(
      expect.objectContaining({ code: 'model/bad-config', message: expect.stringContaining(field) as unknown }),
    );
  });
});
