import type { ModelShape } from '../../../src/bench/model-shapes.ts';
import { type CountingDevice, countingDevice, type DeviceOutline } from '../../../src/device/counting-device.ts';
import type { Planner } from '../../../src/device/kernel-planner.ts';
import type { Dispatch } from '../../../src/device/kernel.ts';
import { Learner } from '../../../src/gorp/learner.ts';
import type { GradientUse } from '../../../src/gorp/part/gradient-programs.ts';
import { needsOf } from '../../../src/gorp/part/method-plan.ts';
import { type MethodSettings, planOf } from '../../../src/methods/registry.ts';
import { Evaluations } from '../../../src/run/evaluation/evaluation-programs.ts';
import { frozenPacking } from '../../../src/run/models/frozen-weights.ts';
import { testAhead } from '../../../src/run/planning/planned-work.ts';
import { networkOf } from '../../../src/run/models/open-network.ts';
import { answersOfPrompt, spaceSamples } from '../../../src/run/tasks/space-samples.ts';

/** A program and its kernels in their order, with sizes and workgroups as on a real device. */
interface RecordedProgram {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
}

/** A device that computes nothing, so that all it reads is 0, and remembers every program recorded on it. */
interface RecordingDevice extends CountingDevice {
  /** The programs recorded since this was last called, in their order. */
  takeRecorded(): RecordedProgram[];
}

/** Without a planner in its outline, it records the kernels that programs start with on an unmeasured device. */
function recordingDevice(outline: DeviceOutline): RecordingDevice {
  const device = countingDevice(outline);
  let recorded: RecordedProgram[] = [];
  return {
    ...device,
    read: ({ bytes }) => Promise.resolve(new ArrayBuffer(bytes)),
    record: (name, plan) => {
      const dispatches = plan();
      recorded.push({ name, dispatches });
      return device.record(name, () => dispatches);
    },
    takeRecorded: () => {
      const taken = recorded;
      recorded = [];
      return taken;
    },
  };
}

// The largest buffers that browsers offer; plans of models this size need no other limit.
const LIMITS = { buffer: 2 ** 31 - 4, total: null };
/** The second task of a run is the first that has a space. */
const TASKS = 2;
// A tree of labels as in the embedded tasks.
const TREE = { nodes: 30, choices: 40 };

/** The kernels that a method runs in the second task, in their order. */
export interface MethodDispatches {
  /** A step of the optimizer that computes no new bases. */
  readonly step: readonly Dispatch[];
  /** A step that merges full-rank updates, computes new bases and measures what spaces remove. */
  readonly refresh: readonly Dispatch[];
  /** The end of a task: reads a batch of its sample and builds all spaces of inputs, or squares gradients. */
  readonly end: readonly Dispatch[];
  /** Reads and ranks a batch of tests. */
  readonly test: readonly Dispatch[];
  /** Writes a token of each answer. */
  readonly token: readonly Dispatch[];
}

/** Records all programs of a method. Computes nothing and needs no weights. */
export async function recordMethod(
  shape: ModelShape,
  planner: Planner,
  method: MethodSettings,
): Promise<MethodDispatches> {
  const { config, batch, rows, frozenWeights, recompute } = shape;
  const device = recordingDevice({ kind: 'webgpu', limits: LIMITS, planner });
  const { network, targets } = networkOf(device, config, {
    sourceLength: batch.S,
    targetLength: batch.T,
    byPrompt: needsOf(planOf(method)).byPrompt !== undefined,
  });
  const options = {
    seed: 0,
    maxGradNorm: 1,
    gradientAccumulation: 1,
    recompute,
    packing: (name: string) => frozenPacking(frozenWeights, name, network.shapes.get(name) ?? [], 'F32'),
  };
  const learner = await Learner.create(device, network, planOf(method), targets, options, null);
  const sizes = network.plannedSizes({ ...batch, shared: 0 });
  await learner.reserveTraining(TASKS, [sizes]);
  const training = device.takeRecorded();
  const answers = answersOfPrompt(spaceSamples(method, network), batch.T);
  const measuring = learner.reserveMeasuring(
    [network.plannedSizes({ ...batch, shared: 0, answers })],
    network.plannedSizes({ ...batch, B: 1, shared: 0 }),
  );
  while ((await measuring.next()).done !== true);
  const end = device.takeRecorded();
  learner.reserveTesting(TASKS);
  const evaluations = new Evaluations(device, network, learner.layers, batch.T + 1);
  const { generation } = await evaluations.of(testAhead(rows, batch.S, TREE));
  const test = device.takeRecorded();
  await evaluations.decoder(generation, rows);
  const token = device.takeRecorded();
  evaluations.destroy();
  learner.destroy();
  network.destroy();
  const all = (recorded: readonly RecordedProgram[]): Dispatch[] => recorded.flatMap(({ dispatches }) => dispatches);
  // Where two programs have one name, the first measures spaces.
  const first = training.filter(({ name }, i) => training.findIndex((other) => other.name === name) === i);
  const last = training.filter(({ name }, i) => training.findLastIndex((other) => other.name === name) === i);
  const isOf =
    (use: GradientUse) =>
    ({ name }: RecordedProgram) =>
      name.startsWith(`${use} `);
  const takesBases = training.some(isOf('refresh'));
  return {
    step: all(last.filter((program) => program.name !== 'merge' && !isOf('refresh')(program))),
    refresh: all(first.filter((program) => !takesBases || !isOf('gradients')(program))),
    end: all(end),
    test: all(test),
    token: all(token),
  };
}
