import { Learner } from '../gorp/learner.ts';
import { layerGroups } from '../gorp/method-groups.ts';
import { type MethodSettings, planOf } from '../methods/registry.ts';
import { type CountingDevice, countingDevice, type DeviceOutline, type Work } from '../device/counting-device.ts';
import type { Device, Program } from '../device/device.ts';
import type { Network } from '../models/network.ts';
import type { Effort } from './duration.ts';
import { Evaluations, poolRows } from './evaluation-programs.ts';
import { frozenPacking } from './frozen-weights.ts';
import { type MemoryPlan, type Moment, PARTS, type Parts, totalOf } from './memory-plan.ts';
import { networkOf } from './open-network.ts';
import type { PlannedWork } from './planned-work.ts';
import type { TrainingSettings } from './settings.ts';
import type { ModelOutline } from '../weights/model-outline.ts';
import { chosenTargets } from './model-modules.ts';

/** What a memory plan depends on. */
export interface MemoryQuestion {
  /** The model's config.json. */
  readonly config: unknown;
  readonly method: MethodSettings;
  readonly training: Pick<
    TrainingSettings,
    'sourceLength' | 'gradientAccumulation' | 'frozenWeights' | 'activations' | 'loraModules' | 'fullRankModules'
  >;
  readonly work: PlannedWork;
  /** The type of a parameter in the checkpoint, as safetensors or GGUF names it; F32 by default. */
  readonly storedAs?: (name: string) => string | undefined;
  readonly device: DeviceOutline;
}

/** The type of a parameter in its checkpoint: as a GGUF file tells for each, or config.json for all; otherwise F32. */
export function storedTypes({ config, types }: ModelOutline): (name: string) => string | undefined {
  if (types !== null) return (name) => types.get(name);
  const { dtype, torch_dtype: earlier } = (config ?? {}) as Record<string, unknown>;
  const declared = { float16: 'F16', bfloat16: 'BF16' }[String(dtype ?? earlier)] ?? 'F32';
  return () => declared;
}

/** Bytes of buffers by use. Nothing is being read back. */
export function bytesByPart({ buffers }: Device): Parts {
  const parts = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<keyof Parts, number>;
  for (const { purpose, bytes } of buffers.live) parts[purpose] += bytes;
  return parts;
}

/** The memory and work of a run. */
export interface RunPlan {
  readonly memory: MemoryPlan;
  readonly effort: Effort;
}

/** Assumed share of test examples whose answers are not labels, so that they are decoded token by token. */
const DECODED_SHARE = 0.5;

/**
 * The memory and work of a run, computed without a GPU or weights: everything is set up on a device that only counts,
 * as in the last task, with the longest texts and the largest possible spaces.
 *
 * @throws GorpError `model/bad-config`, `settings/…`, or `device/buffer-too-large` when something needs a larger buffer than
 *   the limits allow.
 */
export async function planRun(question: MemoryQuestion): Promise<RunPlan> {
  const { config, method, training, work, storedAs } = question;
  const device = countingDevice(question.device);
  const { network, targets: familyTargets } = networkOf(device, config, {
    sourceLength: training.sourceLength,
    targetLength: work.answer,
  });
  const { shapes } = network;
  const targets = chosenTargets(question, shapes, familyTargets);
  const plan = planOf(method);
  const learner = await Learner.create(
    device,
    network,
    plan,
    targets,
    {
      seed: 0,
      maxGradNorm: 1,
      gradientAccumulation: training.gradientAccumulation,
      recompute: training.activations === 'recompute',
      packing: (name) => frozenPacking(training.frozenWeights, name, shapes.get(name) ?? [], storedAs?.(name) ?? 'F32'),
    },
    null,
  );
  const moments = new Map<Moment, Parts>();
  const note = (moment: Moment, readBack: number): void => {
    // On the CPU, read-back copies straight from the device's memory, without another buffer.
    const parts = { ...bytesByPart(device), readBack: question.device.kind === 'webgpu' ? readBack : 0 };
    const before = moments.get(moment);
    if (before === undefined || totalOf(before) < totalOf(parts)) moments.set(moment, parts);
  };

  const [gradients, ...optimizer] = await learner.reserveTraining(work.tasks, [work.batch]);
  const checkpoint = learner.savedBytes(work.tasks);
  const [micro, update] = [sumOf(device, [gradients]), sumOf(device, optimizer)];
  const step = {
    operations: training.gradientAccumulation * micro.operations + update.operations,
    kernels: training.gradientAccumulation * micro.kernels + update.kernels,
  };
  const readsGradients = plan.fullRank?.form === 'projected' && plan.fullRank.projection === 'exact';
  note(
    'training',
    learner.recordBytes + (readsGradients ? largestStack(shapes, targets.fullRank, device.limits.buffer) : 0),
  );

  let space: Effort['space'] = null;
  for await (const { largestBytes, spaces } of learner.reserveMeasuring(work.batch)) {
    note('measuring', largestBytes);
    if (spaces) {
      const one = sumOf(device, spaces.build);
      const build = { operations: one.operations * spaces.times, kernels: one.kernels * spaces.count };
      space = { read: sumOf(device, [spaces.read]), build };
    }
  }

  learner.reserveTesting(work.tasks);
  const evaluations = new Evaluations(device, network, learner.layers, work.answer + 1);
  const examples: Work[] = [];
  for (const sizes of work.tests) {
    const { generation, prefill, rank } = await evaluations.of(sizes);
    const rows = poolRows(network, sizes.pool);
    const decoded =
      rows > 0
        ? await evaluations.decoder(evaluations.pool({ ...sizes.pool, B: rows }), rows)
        : await evaluations.decoder(generation, sizes.B);
    const { B, nodes, choices } = sizes;
    note('testing', Math.max(B * (work.answer + 1), B * (nodes + choices)) * 4);
    const read = sumOf(device, [prefill.program, rank.program]);
    const written = sumOf(device, [decoded.program]);
    const tokens = (DECODED_SHARE * work.answer) / (rows > 0 ? rows : B);
    examples.push({
      operations: read.operations / B + written.operations * tokens,
      kernels: read.kernels / B + written.kernels * tokens,
    });
  }
  for (const { loss, writing } of work.freeTests) {
    const { forward } = await evaluations.lossOf(loss);
    note('testing', 4);
    const tested = sumOf(device, [forward.program]);
    const of = { operations: tested.operations / loss.B, kernels: tested.kernels / loss.B };
    if (writing !== null) {
      const { generation, prefill } = await evaluations.writing(writing);
      const decoded = await evaluations.decoder(generation, writing.B);
      note('testing', writing.B * (work.answer + 1) * 4);
      const [read, written] = [sumOf(device, [prefill.program]), sumOf(device, [decoded.program])];
      of.operations += (read.operations + written.operations * work.answer) / writing.B;
      of.kernels += (read.kernels + written.kernels * work.answer) / writing.B;
    }
    examples.push(of);
  }
  const example = {
    operations: examples.reduce((sum, { operations }) => sum + operations, 0) / examples.length,
    kernels: examples.reduce((sum, { kernels }) => sum + kernels, 0) / examples.length,
  };
  return {
    memory: { ...fullestOf(moments), checkpoint },
    effort: { step, example, space, promptTokens: work.batch.S },
  };
}

/** The memory of {@link planRun}. */
export const planMemory = async (question: MemoryQuestion): Promise<MemoryPlan> => (await planRun(question)).memory;

function sumOf(device: CountingDevice, programs: readonly Program[]): Work {
  const works = programs.map((program) => device.workOf(program));
  return {
    operations: works.reduce((sum, { operations }) => sum + operations, 0),
    kernels: works.reduce((sum, { kernels }) => sum + kernels, 0),
  };
}

function fullestOf(moments: ReadonlyMap<Moment, Parts>): Omit<MemoryPlan, 'checkpoint'> {
  const totals = [...moments].map(([moment, parts]) => ({ moment, parts, total: totalOf(parts) }));
  const fullest = totals.reduce((a, b) => (b.total > a.total ? b : a));
  return { ...fullest, moments: Object.fromEntries(totals.map(({ moment, total }) => [moment, total])) };
}

/** Bytes of the largest stack of gradients: it is read back in one piece. */
function largestStack(shapes: Network['shapes'], pattern: RegExp, limit: number): number {
  return Math.max(
    0,
    ...layerGroups(shapes, pattern, limit).map(({ names, out, inputs }) => names.length * out * inputs * 4),
  );
}
