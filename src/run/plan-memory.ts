import { GorpError } from '../base/errors.ts';
import { Learner } from '../gorp/learner.ts';
import { layerGroups, type TargetModules } from '../gorp/method-groups.ts';
import type { MethodSettings } from '../gorp/method-settings.ts';
import { type BufferLimits, countingGpu } from '../gpu/counting-gpu.ts';
import type { Gpu } from '../gpu/device.ts';
import { frozenPacking } from './frozen-weights.ts';
import type { Network } from '../models/network.ts';
import { networkOf } from './open-network.ts';
import type { TrainingSettings } from './settings.ts';

/** What a plan of memory depends on. */
export interface MemoryQuestion {
  /** The model's config.json. */
  readonly config: unknown;
  readonly method: MethodSettings;
  readonly training: Pick<
    TrainingSettings,
    'batchSize' | 'sourceLength' | 'targetLength' | 'gradientAccumulation' | 'frozenWeights' | 'activations'
  >;
  /** The type that a parameter has in the checkpoint, as safetensors names it; F32 when left out. */
  readonly storedAs?: (name: string) => string;
  readonly limits: BufferLimits;
}

/** Bytes on the GPU while a step of the largest batch runs. */
export interface MemoryPlan {
  /** Frozen parameters. */
  readonly weights: number;
  /** Adapters and full-rank weights that are trained, and their gradients. */
  readonly trained: number;
  /** Adam's moments and the bases of projected gradients. */
  readonly optimizer: number;
  /** Intermediates: activations and gradients with respect to them. */
  readonly arena: number;
  /** Batches, parameters of kernels, numbers on their way to the page. */
  readonly inputs: number;
  /** What is read back at once, at most: the gradients whose singular vectors are computed on the CPU. */
  readonly staging: number;
  readonly total: number;
  /** What the spaces of earlier tasks take besides, after the first task at most. */
  readonly spaceAfterTask: number;
}

/** Bytes by part, from labels of buffers. */
type Parts = Omit<MemoryPlan, 'staging' | 'total' | 'spaceAfterTask'>;

/** What its label says that a buffer is for. */
function partOf(label: string, shapes: ReadonlyMap<string, unknown>): keyof Parts {
  if (shapes.has(label.replace(/, rows from \d+$/, ''))) return 'weights';
  if (/slot \d+$/.test(label)) return 'arena';
  if (/(first|second) moment$|basis$/.test(label)) return 'optimizer';
  if (/^lora_[AB]$|^full-rank weights$|^gradient of /.test(label)) return 'trained';
  return 'inputs';
}

/** Bytes of buffers by what they are for. */
export function bytesByPart(gpu: Gpu, shapes: ReadonlyMap<string, unknown>): Parts {
  const parts = { weights: 0, trained: 0, optimizer: 0, arena: 0, inputs: 0 };
  for (const { label, bytes } of gpu.buffers.live) parts[partOf(label, shapes)] += bytes;
  return parts;
}

/**
 * How much memory training takes, without a GPU and without weights: the learner is set up on a device that only counts.
 *
 * @throws GorpError `model/bad-config`, `settings/rank-too-large`, or `gpu/buffer-too-large` when something needs a larger
 *   buffer than the limits allow.
 */
export async function planMemory({ config, method, training, storedAs, limits }: MemoryQuestion): Promise<MemoryPlan> {
  const gpu = countingGpu(limits);
  const { network, targets } = networkOf(gpu, config, training);
  const { shapes } = network;
  const learner = await Learner.create(
    gpu,
    network,
    method,
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
  await learner.beginTask();
  const { batchSize: B, sourceLength: S, targetLength: T } = training;
  await learner.prepareStep([{ B, S, T }]);
  const parts = bytesByPart(gpu, shapes);
  const readsGradients = method.fullRank === 'projected' && method.projection === 'exact';
  const staging = readsGradients ? largestStack(shapes, targets.fullRank, limits) : 0;
  const total = Object.values(parts).reduce((sum, bytes) => sum + bytes, staging);
  return { ...parts, staging, total, spaceAfterTask: spaceBytes(shapes, targets, method) };
}

function largestStack(shapes: Network['shapes'], pattern: RegExp, limits: BufferLimits): number {
  const limit = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  return Math.max(
    0,
    ...layerGroups(shapes, pattern, limit).map(({ names, out, inputs }) => names.length * out * inputs * 4),
  );
}

/** Spaces of one task at most: first moments have no more directions than their rank, inputs as many as the layer has. */
function spaceBytes(shapes: Network['shapes'], targets: TargetModules, method: MethodSettings): number {
  if (!method.sharedSpace) return 0;
  let bytes = 0;
  if (method.adapters !== 'none') {
    for (const { names, inputs } of layerGroups(shapes, targets.lora)) {
      const rank = Math.min(method.loraRank, inputs);
      const dimension = method.loraSpace === 'input' ? inputs : rank;
      bytes += names.length * dimension * (method.spaceSource === 'activation' ? inputs : rank) * 4;
    }
  }
  if (method.fullRank === 'projected') {
    for (const { names, out, inputs } of layerGroups(shapes, targets.fullRank)) {
      const onInputs = method.spaceSource === 'activation';
      const dimension = onInputs ? inputs : Math.max(out, inputs);
      bytes += names.length * dimension * (onInputs ? inputs : Math.min(method.galoreRank, out, inputs)) * 4;
    }
  }
  return bytes;
}

const GIB = 2 ** 30;
export const inGiB = (bytes: number): string => `${(bytes / GIB).toFixed(bytes < 10 * GIB ? 2 : 1)} GiB`;

/**
 * Refuses a plan that exceeds what is known of the device. Browsers do not tell how much memory a GPU has, only what one
 * buffer may hold, and that is checked while planning; `budget` is a total that the user has named.
 *
 * @throws GorpError `run/too-little-memory`, with what would make it smaller.
 */
export function checkBudget(plan: MemoryPlan, budget: number, training: MemoryQuestion['training']): void {
  if (plan.total <= budget) return;
  const advice = [
    ...(training.activations === 'recompute' ? [] : ['compute activations again instead of keeping them']),
    ...(training.frozenWeights === '4-bit' ? [] : ['store frozen weights in 8 or 4 bits']),
    'use a smaller batch or shorter prompts',
  ];
  throw new GorpError(
    'run/too-little-memory',
    `Training needs ${inGiB(plan.total)} on the GPU; ${inGiB(budget)} are allowed.`,
    `To need less: ${advice.join('; ')}; or choose a smaller model.`,
  );
}
