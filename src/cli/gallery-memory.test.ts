import { expect, test } from 'vitest';
import { methodPreset } from '../methods/registry.ts';
import { planMemory } from '../run/planning/plan-run.ts';
import { testAhead } from '../run/planning/planned-work.ts';
import { FAMILY_MODULES } from '../run/settings/trained-modules.ts';
import { TESTS_ALL } from '../testing/tier.ts';
import { GALLERY } from '../weights/gallery.ts';
import { llama, t5, TODAY, UMT5_SMALL } from '../run/models/published-models.ts';

const FLAN = { feed_forward_proj: 'gated-gelu', tie_word_embeddings: false };

/** The sizes of the gallery's models, as their config.json has them. */
const CONFIGS: Readonly<Record<string, Record<string, unknown>>> = {
  'T5-efficient-tiny': t5(256, 1024, 4, 4),
  'T5-small': t5(512, 2048, 6, 8),
  'Flan-T5-small': { ...t5(512, 1024, 8, 6), ...FLAN },
  'T5-base': t5(768, 3072, 12, 12),
  'Flan-T5-base': { ...t5(768, 2048, 12, 12), ...FLAN },
  'umT5-small': UMT5_SMALL,
  'T5-large': t5(1024, 4096, 24, 16),
  ...TODAY,
  'SmolLM2-360M-Instruct, GGUF': TODAY['SmolLM2-360M'],
  'Gemma-3-270m-it, GGUF': TODAY['Gemma-3-270m'],
  'Qwen2.5-0.5B-Instruct, GGUF': { ...TODAY['Qwen2.5-0.5B'], tie_word_embeddings: false },
  'Qwen3-0.6B, GGUF': TODAY['Qwen3-0.6B'],
  'SmolLM3-3B, GGUF': TODAY['SmolLM3-3B'],
  'TinyLlama-1.1B': llama(2048, 5632, 22, 32, 4),
  'LLaMA-2-7B': llama(4096, 11_008, 32, 32, 32),
};

// The smallest of all, and one of each few.
test.each(GALLERY.filter((_, i) => TESTS_ALL || i % 5 === 0).map((model) => [model.name, model] as const))(
  'the gallery and the planner agree on the memory of %s',
  async (name, { family, trainingBytes, largestTrained, blocks }) => {
    const config = CONFIGS[name];
    const isT5 = family === 't5' || family === 'umt5';
    const [B, storedAs] = isT5 ? [8, 'F32'] : [1, blocks ?? 'F16'];
    const sizes = { B, S: 512, T: 10, shared: 0 };
    const plan = await planMemory({
      config,
      method: methodPreset('gorp'),
      training: {
        sourceLength: 512,
        gradientAccumulation: 1,
        frozenWeights: 'stored',
        activations: 'recompute',
        loadBest: 'last',
        ...FAMILY_MODULES,
        trainedBlocks: 'all',
      },
      work: {
        tasks: 4,
        batch: sizes,
        shapes: 1,
        answer: 50,
        validation: null,
        generalText: null,
        protects: [],
        freeTests: [],
        tests: [testAhead(B, 512, { nodes: 1 + 14 * 9, choices: 14 * 10 })], // as dbpedia's
      },
      storedAs: () => storedAs,
      device: { kind: 'webgpu', limits: { buffer: 2 ** 31 - 4, total: null } },
    });
    expect(Math.abs(plan.total / trainingBytes - 1)).toBeLessThan(0.01);
    const { d_model, d_kv, num_heads, hidden_size, intermediate_size } = config as Record<string, number>;
    const trained = isT5 ? d_model * d_kv * num_heads : hidden_size * intermediate_size;
    expect(largestTrained).toBe(trained);
  },
);
