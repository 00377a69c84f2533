import type { ModelShape } from '../../../src/bench/model-shapes.ts';
import { digits, markdownTable } from '../../../src/base/markdown.ts';
import { buffersOf, type Dispatch } from '../../../src/device/kernel.ts';
import { GpuPlanner } from '../../../src/device/webgpu/gpu-planner.ts';
import { Tuning } from '../../../src/device/webgpu/tuning.ts';
import { llama, t5, TODAY, UMT5_SMALL } from '../../../src/run/models/published-models.ts';
import { startingMethod } from '../../../src/run/settings/starting-values.ts';
import { type MethodDispatches, recordMethod } from './recorded-method.ts';

/** Layers of each model: the others repeat them. Gemma 3 has a layer without a window among so many. */
const LAYERS = { num_layers: 6, num_hidden_layers: 6 };
const BATCH = { B: 8, S: 128, T: 8 };

const MISTRAL_7B = { ...llama(4096, 14_336, 32, 32, 8), model_type: 'mistral' };

/** A model of each family that trains, with the sizes in its config.json but for the number of layers. */
export const COUNTED_MODELS: readonly ModelShape[] = Object.entries({
  't5-small': t5(512, 2048, 6, 8),
  'umT5-small': UMT5_SMALL,
  'SmolLM2-135M': TODAY['SmolLM2-135M'],
  'Mistral-7B': MISTRAL_7B,
  'Qwen2.5-0.5B': TODAY['Qwen2.5-0.5B'],
  'Qwen3-0.6B': TODAY['Qwen3-0.6B'],
  'SmolLM3-3B': TODAY['SmolLM3-3B'],
  'Gemma-3-270m': TODAY['Gemma-3-270m'],
}).map(([name, config]) => ({
  name,
  config: { ...config, ...LAYERS },
  batch: BATCH,
  rows: BATCH.B,
  frozenWeights: 'f32',
  recompute: false,
}));

/** The work that a graphics card is asked to do. */
interface Counts {
  readonly dispatches: number;
  /** As kernels state them: see `KernelPlan.cost`. */
  readonly operations: number;
  /** Of the tensors that each dispatch reads or writes, one dispatch after another. */
  readonly bytes: number;
  readonly buffers: number;
}

/** Counts the work of some kernels, if each runs once. */
export function countsOf(dispatches: readonly Dispatch[]): Counts {
  const tensors = dispatches.flatMap((dispatch) => dispatch.tensors);
  return {
    dispatches: dispatches.length,
    operations: dispatches.reduce((sum, { cost = 0 }) => sum + cost, 0),
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    buffers: buffersOf(dispatches).length,
  };
}

/** The counts of a model's works. */
export type ModelCounts = Readonly<Record<keyof MethodDispatches, Counts>>;

/**
 * Counts the work of a model in training with `gorp-plus`, whose values for pre-trained models refresh bases in every
 * step.
 */
async function modelCounts(shape: ModelShape): Promise<ModelCounts> {
  const method = startingMethod('org/model', 'gorp-plus');
  const works = await recordMethod(shape, new GpuPlanner(new Tuning(false)), method);
  const { step, refresh, end, test, token } = works;
  return {
    step: countsOf(step),
    refresh: countsOf(refresh),
    end: countsOf(end),
    test: countsOf(test),
    token: countsOf(token),
  };
}

/** The counts of every family by the model's name. */
export async function allCounts(): Promise<Map<string, ModelCounts>> {
  const counts = new Map<string, ModelCounts>();
  for (const shape of COUNTED_MODELS) counts.set(shape.name, await modelCounts(shape));
  return counts;
}

const HEAD = [
  'model, 6 layers',
  'GFLOP',
  'GB',
  'buffers',
  'dispatches',
  'without new bases',
  'end of a task',
  'tests',
  'token',
];

/** The counts as Markdown, a line for each model. */
export function countsTable(counts: ReadonlyMap<string, ModelCounts>): string {
  const rows = [...counts].map(([name, { step, refresh, end, test, token }]) => [
    ...[name, digits(refresh.operations / 1e9), digits(refresh.bytes / 1e9)],
    ...[refresh.buffers, refresh.dispatches, step.dispatches].map(String),
    ...[end, test, token].map(({ dispatches }) => String(dispatches)),
  ]);
  return markdownTable(HEAD, rows);
}
