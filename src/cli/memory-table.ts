import { methodPreset } from '../gorp/methods.ts';
import type { FrozenWeights } from '../run/frozen-weights.ts';
import { inGiB, planMemory } from '../run/plan-memory.ts';

const t5 = (d_model: number, d_ff: number, num_layers: number, num_heads: number): Record<string, unknown> => ({
  model_type: 't5',
  vocab_size: 32128,
  d_kv: 64,
  d_model,
  d_ff,
  num_layers,
  num_heads,
});
const llama = (
  hidden_size: number,
  intermediate_size: number,
  num_hidden_layers: number,
  num_attention_heads: number,
  num_key_value_heads: number,
): Record<string, unknown> => ({
  model_type: 'llama',
  vocab_size: 32000,
  hidden_size,
  intermediate_size,
  num_hidden_layers,
  num_attention_heads,
  num_key_value_heads,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  bos_token_id: 1,
  eos_token_id: 2,
});

interface Row {
  name: string;
  config: Record<string, unknown>;
  batchSize: number;
  frozenWeights: FrozenWeights;
  activations: 'keep' | 'recompute';
}

/** Sizes of published models, as their config.json has them. */
const ROWS: readonly Row[] = [
  { name: 't5-small', config: t5(512, 2048, 6, 8), batchSize: 8, frozenWeights: 'f32', activations: 'keep' },
  { name: 't5-base', config: t5(768, 3072, 12, 12), batchSize: 8, frozenWeights: 'f32', activations: 'keep' },
  { name: 't5-base', config: t5(768, 3072, 12, 12), batchSize: 8, frozenWeights: 'f32', activations: 'recompute' },
  { name: 't5-large', config: t5(1024, 4096, 24, 16), batchSize: 8, frozenWeights: 'f32', activations: 'keep' },
  { name: 't5-large', config: t5(1024, 4096, 24, 16), batchSize: 8, frozenWeights: 'f32', activations: 'recompute' },
  { name: 't5-large', config: t5(1024, 4096, 24, 16), batchSize: 8, frozenWeights: '8-bit', activations: 'recompute' },
  {
    name: 'TinyLlama-1.1B',
    config: llama(2048, 5632, 22, 32, 4),
    batchSize: 1,
    frozenWeights: 'stored',
    activations: 'recompute',
  },
  {
    name: 'TinyLlama-1.1B',
    config: llama(2048, 5632, 22, 32, 4),
    batchSize: 1,
    frozenWeights: '8-bit',
    activations: 'recompute',
  },
  {
    name: 'LLaMA-2-7B',
    config: llama(4096, 11008, 32, 32, 32),
    batchSize: 1,
    frozenWeights: '8-bit',
    activations: 'recompute',
  },
  {
    name: 'LLaMA-2-7B',
    config: llama(4096, 11008, 32, 32, 32),
    batchSize: 1,
    frozenWeights: '4-bit',
    activations: 'recompute',
  },
];

/** `npm run memory`: what GORP takes on models of published size, as Markdown. Neither GPU nor weights are needed. */
export async function main(): Promise<number> {
  const head = ['model', 'batch', 'frozen', 'activations', 'weights', 'trained', 'Adam', 'arena', 'read back', 'total'];
  console.log(`| ${head.join(' | ')} |\n|${head.map((_, i) => (i < 4 ? ' --- |' : ' --: |')).join('')}`);
  for (const { name, config, batchSize, frozenWeights, activations } of ROWS) {
    const plan = await planMemory({
      config,
      method: { ...methodPreset('gorp'), projection: 'exact' },
      training: { batchSize, sourceLength: 512, targetLength: 50, gradientAccumulation: 1, frozenWeights, activations },
      storedAs: () => (name.startsWith('t5') ? 'F32' : 'F16'),
      limits: { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 - 4 },
    });
    const parts = [plan.weights, plan.trained, plan.optimizer, plan.arena, plan.staging, plan.total].map(inGiB);
    const how = activations === 'keep' ? 'kept' : 'again';
    console.log(`| ${[name, `${batchSize} × 512`, frozenWeights, how, ...parts].join(' | ')} |`);
  }
  return 0;
}
