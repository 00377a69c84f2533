import type { ModelShape } from '../../src/bench/model-shapes.ts';
import type { Dispatch } from '../../src/device/kernel.ts';
import type { Planner } from '../../src/device/kernel-planner.ts';
import { Learner } from '../../src/gorp/learner.ts';
import { type MethodName, methodPreset, planOf } from '../../src/methods/registry.ts';
import { Evaluations } from '../../src/run/evaluation-programs.ts';
import { frozenPacking } from '../../src/run/frozen-weights.ts';
import { networkOf } from '../../src/run/open-network.ts';
import { recordingDevice, type RecordedProgram } from './recording-device.ts';

/** What a model does repeatedly. `refresh`: a step that computes new bases; `step`: one that does not. */
export const WORK_NAMES = ['step', 'refresh', 'prefill', 'decode'] as const;
export type WorkName = (typeof WORK_NAMES)[number];

/** The kernels of each work of a model, in their order. */
export type ModelPrograms = Readonly<Record<WorkName, readonly Dispatch[]>>;

// The largest buffers that browsers offer; plans of models this size need no other limit.
export const LIMITS = { buffer: 2 ** 31 - 4, total: null };
const TASKS = 2;
// A tree of labels as in the embedded tasks.
const TREE = { nodes: 30, choices: 40 };

/** What a method records in the second task of a run, the first that has a space. */
export interface MethodPrograms {
  readonly training: readonly RecordedProgram[];
  readonly testing: readonly RecordedProgram[];
}

/** Records all programs of a method: nothing is computed and no weights are needed. */
export async function recordMethod(shape: ModelShape, planner: Planner, method: MethodName): Promise<MethodPrograms> {
  const { config, batch, rows, frozenWeights, recompute } = shape;
  const device = recordingDevice({ kind: 'webgpu', limits: LIMITS }, planner);
  const { network, targets } = networkOf(device, config, { sourceLength: batch.S, targetLength: batch.T });
  const options = {
    ...{ seed: 0, maxGradNorm: 1, gradientAccumulation: 1, recompute },
    packing: (name: string) => frozenPacking(frozenWeights, name, network.shapes.get(name) ?? [], 'F32'),
  };
  const learner = await Learner.create(device, network, planOf(methodPreset(method)), targets, options, null);
  await learner.reserveTraining(TASKS, [batch]);
  const training = [...device.recorded];
  learner.reserveTesting(TASKS);
  const evaluations = new Evaluations(device, network, learner.layers, batch.T + 1);
  const { generation } = await evaluations.of({ B: rows, S: batch.S, ...TREE });
  await evaluations.decoder(generation, rows);
  const testing = device.recorded.slice(training.length);
  evaluations.destroy();
  learner.destroy();
  network.destroy();
  return { training, testing };
}

/** Records what `gorp` with fast projections runs repeatedly. */
export async function recordModel(shape: ModelShape, planner: Planner): Promise<ModelPrograms> {
  const { training, testing } = await recordMethod(shape, planner, 'gorp');
  // Two programs have the same name: with new bases or without, measuring the spaces or not. The one that does more is
  // longer.
  const long = (name: string): readonly Dispatch[] => lengths(training, name)[0];
  const short = (name: string): readonly Dispatch[] => lengths(training, name).at(-1) ?? [];
  return {
    step: [...short('gradients'), ...short('gradient norm'), ...short('update')],
    refresh: [...short('merge'), ...long('gradients'), ...long('gradient norm'), ...long('update')],
    prefill: lengths(testing, 'encode')[0],
    decode: lengths(testing, 'decode')[0],
  };
}

/** The recorded programs of a name, with or without a shape after it, longest first. */
export function lengths(recorded: readonly RecordedProgram[], name: string): (readonly Dispatch[])[] {
  const found = recorded.filter(
    (one) => one.name === name || (one.name.startsWith(`${name} `) && /\d$/.test(one.name)),
  );
  if (found.length === 0) throw new Error(`no program ${name} was recorded`);
  return found.map(({ dispatches }) => dispatches).sort((a, b) => b.length - a.length);
}
