import { expect, it } from 'vitest';
import { checkRuntimeHolds, loadedBytes } from './model-graphs.ts';

/** The shape of google-t5/t5-large. */
const T5_LARGE = {
  model_type: 't5',
  vocab_size: 32128,
  d_model: 1024,
  d_kv: 64,
  d_ff: 4096,
  num_heads: 16,
  num_layers: 24,
};
/** The shape of SmolLM3-3B. */
const SMOLLM3 = {
  model_type: 'smollm3',
  vocab_size: 128256,
  hidden_size: 2048,
  intermediate_size: 11008,
  num_hidden_layers: 36,
  num_attention_heads: 16,
  num_key_value_heads: 4,
};

it('counts the weights of both graphs, and expands f16', () => {
  const [f32, f16, q8, q4] = (['f32', 'f16', 'q8', 'q4'] as const).map((dtype) => loadedBytes(T5_LARGE, dtype));
  const parameters = 737_668_096; // torch's count of the published model
  const secondEmbedding = 32_128 * 1024; // each graph has its own
  const tables = (257 + 130 - 2 * 32) * 16; // rows by distance instead of buckets
  expect(f32).toBe(4 * (parameters + secondEmbedding + tables));
  expect(f16).toBe(f32);
  // 8 bits per weight and 32 bits of scale per 32 weights; the embeddings stay f32 and the output layer is a third
  // copy.
  expect(q8 / f32).toBeCloseTo(0.36, 1);
  expect(q4).toBeLessThan(q8);
});

it('refuses models too large for onnxruntime-web, and names a weight format that fits', () => {
  expect(() => checkRuntimeHolds(T5_LARGE, 'f32')).not.toThrow();
  expect(() => checkRuntimeHolds(SMOLLM3, 'f32')).toThrow(
    expect.objectContaining({ code: 'weights/onnx-too-large', nextStep: 'Export it as q4.' }),
  );
  expect(() => checkRuntimeHolds(SMOLLM3, 'q4', 2 ** 30)).toThrow(
    expect.objectContaining({ nextStep: expect.stringMatching(/smaller model/) as unknown }),
  );
});
