import type { Dispatch } from '../../src/device/kernel.ts';
import type { Planner } from '../../src/device/kernel-planner.ts';
import { Learner } from '../../src/gorp/learner.ts';
import { planOf } from '../../src/methods/registry.ts';
import { TINY_LLAMA } from '../../src/bench/model-shapes.ts';
import { frozenPacking, type FrozenWeights } from '../../src/run/frozen-weights.ts';
import { networkOf } from '../../src/run/open-network.ts';
import { llama, t5, TODAY } from '../../src/run/published-models.ts';
import { answersOfPrompt, spaceSamples } from '../../src/run/space-samples.ts';
import { startingMethod } from '../../src/run/starting-values.ts';
import { lengths, LIMITS } from './model-programs.ts';
import { recordingDevice, type RecordedProgram } from './recording-device.ts';

/** A model whose spaces of inputs are looked at. */
export interface SpaceShape {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly frozenWeights: FrozenWeights;
  readonly recompute: boolean;
}

/** By the width of their inputs. */
export const SPACE_SHAPES: readonly SpaceShape[] = [
  { name: 't5-small', config: t5(512, 2048, 6, 8), frozenWeights: 'f32', recompute: false },
  { name: 'SmolLM2-135M', config: TODAY['SmolLM2-135M'], frozenWeights: 'f32', recompute: false },
  { name: 't5-large', config: t5(1024, 4096, 24, 16), frozenWeights: 'f32', recompute: true },
  { name: 'TinyLlama-1.1B, 8-bit', config: TINY_LLAMA, frozenWeights: '8-bit', recompute: true },
  {
    ...{ name: 'LLaMA-2-7B, 8-bit', config: llama(4096, 11008, 32, 32, 32), frozenWeights: '8-bit' },
    recompute: true,
  },
];

/**
 * What a model does for its spaces, and the steps to compare with.
 *
 * - `first` and `second`: a step of the first task, which has no spaces, and of the second;
 * - `read`: reads a batch of a sample;
 * - `build`: builds the spaces of all inputs, and measures them before and after;
 * - `begin`: begins the second task, apart from reading its sample.
 */
export type SpaceWork = 'first' | 'second' | 'read' | 'build' | 'begin';

/** The kernels of each work, in their order, and how often works repeat. */
export interface SpaceRecord {
  readonly works: Readonly<Record<SpaceWork, readonly Dispatch[]>>;
  /** Batches of the samples at a task's beginning and end. */
  readonly batches: { readonly begin: number; readonly end: number };
}

/** 8 × 128 tokens: a decoder reads the answer after the prompt, without its last token. */
const ROWS = 8;
const ANSWER = 8;
const PROMPT = { apart: 128, whole: 128 - ANSWER + 1 };
const TASKS = 2;
const METHOD = startingMethod('org/model', 'gorp-plus');

/** Records what `gorp-plus` does with spaces of inputs, with the values that a pre-trained model starts with. */
export async function recordSpaces(shape: SpaceShape, planner: Planner): Promise<SpaceRecord> {
  const device = recordingDevice({ kind: 'webgpu', limits: LIMITS }, planner);
  const { network, targets } = networkOf(device, shape.config, { sourceLength: 128, targetLength: ANSWER });
  const batch = { B: ROWS, S: network.readsAnswersApart ? PROMPT.apart : PROMPT.whole, T: ANSWER };
  const options = {
    ...{ seed: 0, maxGradNorm: 1, gradientAccumulation: 1, recompute: shape.recompute },
    packing: (name: string) => frozenPacking(shape.frozenWeights, name, network.shapes.get(name) ?? [], 'F32'),
  };
  const learner = await Learner.create(device, network, planOf(METHOD), targets, options, null);
  /** The programs that some work records. */
  const recorded = async (work: () => Promise<unknown>): Promise<RecordedProgram[]> => {
    const before = device.recorded.length;
    await work();
    return device.recorded.slice(before);
  };
  const stepOf = (programs: readonly RecordedProgram[]): Dispatch[] =>
    ['gradients', 'gradient norm', 'update'].flatMap((name) => lengths(programs, name).at(-1) ?? []);
  const steps = [];
  for (const tasks of [1, TASKS]) steps.push(stepOf(await recorded(() => learner.reserveTraining(tasks, [batch]))));
  const samples = spaceSamples(METHOD, network);
  const sample = { ...batch, answers: answersOfPrompt(samples, ANSWER) };
  const build: Dispatch[] = [];
  const end = await recorded(async () => {
    for await (const { spaces } of learner.reserveMeasuring([sample])) {
      for (const program of spaces?.growth.programs ?? []) build.push(...device.dispatchesOf(program));
    }
  });
  learner.reserveTesting(1);
  const begin = await recorded(() => learner.beginTask([{ sizes: sample, rows: [] }]));
  learner.destroy();
  network.destroy();
  const dispatchesOf = (programs: readonly RecordedProgram[], isReading: boolean): Dispatch[] =>
    programs.filter(({ name }) => name.startsWith('inputs ') === isReading).flatMap(({ dispatches }) => dispatches);
  return {
    works: {
      ...{ first: steps[0], second: steps[1], build },
      ...{ read: dispatchesOf(end, true), begin: dispatchesOf(begin, false) },
    },
    batches: { begin: Math.ceil(samples.begin / ROWS), end: Math.ceil(samples.end / ROWS) },
  };
}
