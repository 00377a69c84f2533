import { BUFFER_PURPOSES } from '../../base/buffer-purpose.ts';
import { GorpError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import type { DeviceFacts } from '../../device/device.ts';
import type { TrainingSettings } from '../settings/settings.ts';

/** The uses of memory: the purposes of buffers, and read-back. */
export const PARTS = [...BUFFER_PURPOSES, 'readBack'] as const;
type Part = (typeof PARTS)[number];

/** Bytes by use. */
export type Parts = Readonly<Record<Part, number>>;

/** {@link Part} in words. */
export const PART_NAMES: Readonly<Record<Part, string>> = {
  weights: 'Frozen weights',
  trained: 'Adapters and full-rank weights, with their gradients',
  optimizer: 'Adam’s moments and bases',
  spaces: 'Spaces of earlier tasks, at most',
  arena: 'Intermediates: activations and their gradients',
  caches: 'Keys and values of generation',
  inputs: 'Batches and parameters of kernels',
  readBack: 'Read back, for a moment',
};

/** When memory is taken, in words: in a training step, when spaces are built after a task, and between two rounds. */
export const WHILE = {
  training: 'training',
  measuring: 'building spaces',
  testing: 'testing',
  reading: 'measuring general text',
} as const;
export type MemoryMoment = keyof typeof WHILE;

/** GPU memory of a run at its peak, in bytes. Drivers take a little more. */
export interface MemoryPlan {
  total: number;
  moment: MemoryMoment;
  /** The parts of that moment. */
  parts: Record<Part, number>;
  /** Totals of every moment. */
  moments: Partial<Record<MemoryMoment, number>>;
  /** The most that a checkpoint takes on disk. */
  checkpoint: number;
  /** The computer's own memory that spaces take, with what growing one of them takes; the device's is not in it. */
  host: number;
}

export const totalOf = (parts: Parts): number => PARTS.reduce((sum, part) => sum + parts[part], 0);

type Advised = Pick<TrainingSettings, 'frozenWeights' | 'activations'>;

/** Advises how to reduce the memory of a run with these settings; for one moment, if it is known. */
export function adviceFor({ frozenWeights, activations }: Advised, moment?: MemoryMoment): string {
  const helpsToRecompute = activations === 'keep' && (moment === undefined || moment === 'training');
  const batch = moment === 'testing' ? 'a smaller test batch' : 'a smaller batch';
  const advice = [
    ...(moment === 'reading' ? ['measure no general text (training.generalText)'] : []),
    ...(helpsToRecompute ? ['recompute activations instead of storing them'] : []),
    ...(frozenWeights === '4-bit' ? [] : [`store frozen weights in ${frozenWeights === '8-bit' ? 4 : '8 or 4'} bits`]),
    `use ${batch} or shorter prompts`,
  ];
  return `To need less: ${advice.join('; ')}; or choose a smaller model.`;
}

/**
 * Refuses a plan above the user's limit. Browsers do not say how much memory a GPU has.
 *
 * @param budget bytes; null if unknown.
 * @throws GorpError `run/too-little-memory`, with what would reduce it.
 */
export function checkBudget(plan: MemoryPlan, budget: number | null, training: Advised): void {
  if (budget === null || plan.total <= budget) return;
  const doing = WHILE[plan.moment];
  throw new GorpError(
    'run/too-little-memory',
    `${doing[0].toUpperCase()}${doing.slice(1)} needs ${formatBytes(plan.total)} of memory; the limit is ${formatBytes(budget)}.`,
    adviceFor(training, plan.moment),
  );
}

/**
 * Refuses a plan whose spaces do not fit the computer's own memory. What the CPU computes on lies there as well.
 *
 * @param memory bytes of the computer; null if unknown, as in browsers.
 * @throws GorpError `run/too-little-memory`, with the sizes and what to choose instead.
 */
export function checkHost({ total, host }: MemoryPlan, kind: DeviceFacts['kind'], memory: number | null): void {
  const onDevice = kind === 'wasm' ? total : 0;
  if (memory === null || host + onDevice <= memory) return;
  const rest = onDevice > 0 ? `, and training on the CPU ${formatBytes(onDevice)}` : '';
  throw new GorpError(
    'run/too-little-memory',
    `The spaces of earlier tasks need ${formatBytes(host)} of this computer’s memory${rest}; it has ${formatBytes(memory)}.`,
    'Choose a method without spaces of inputs, such as gorp or seq-lora; train fewer layers (training.loraModules, training.fullRankModules); or choose a narrower model.',
  );
}

/** Turns a buffer that is too large for the device into a refusal of the plan; returns other errors unchanged. */
export function asRefusal(thrown: unknown, training: Advised): unknown {
  if (!isCode(thrown, 'device/buffer-too-large')) return thrown;
  return new GorpError('run/too-little-memory', thrown.message, adviceFor(training), { cause: thrown });
}

/** Adds advice for these settings to an out-of-memory error; returns other errors unchanged. */
export function withAdvice(thrown: unknown, training: Advised): unknown {
  if (!isCode(thrown, 'device/out-of-memory')) return thrown;
  const { code, message } = thrown;
  const nextStep = `Close other tabs and programs that use the GPU. ${adviceFor(training)}`;
  return new GorpError(code, message, nextStep, { cause: thrown });
}

const isCode = (thrown: unknown, code: string): thrown is GorpError =>
  thrown instanceof GorpError && thrown.code === code;
