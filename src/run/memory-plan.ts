import * as v from 'valibot';
import { BUFFER_PURPOSES } from '../base/buffer-purpose.ts';
import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/format-bytes.ts';
import type { TrainingSettings } from './settings.ts';

/** What memory is used for: what buffers are for, and what is read back from them. */
export const PARTS = [...BUFFER_PURPOSES, 'readBack'] as const;
export type Part = (typeof PARTS)[number];

/** Bytes by what they are used for. */
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

/** When memory is taken: in a training step, when a task has ended and spaces grow, and in a test. */
export const MOMENTS = ['training', 'measuring', 'testing'] as const;
export type Moment = (typeof MOMENTS)[number];

const bytes = v.pipe(v.number(), v.minValue(0));

/** What a run takes on the GPU at its fullest moment. Drivers take some more. */
export const MemoryPlanSchema = v.strictObject({
  total: bytes,
  moment: v.picklist(MOMENTS),
  /** The parts of that moment. */
  parts: v.strictObject(v.entriesFromList(PARTS, bytes)),
  /** Totals of every moment that there is. */
  moments: v.partial(v.strictObject(v.entriesFromList(MOMENTS, bytes))),
});
export type MemoryPlan = v.InferOutput<typeof MemoryPlanSchema>;

export const totalOf = (parts: Parts): number => PARTS.reduce((sum, part) => sum + parts[part], 0);

type Advised = Pick<TrainingSettings, 'frozenWeights' | 'activations'>;

/** What would make a run need less, for these settings; at one moment, where it is known which. */
export function adviceFor({ frozenWeights, activations }: Advised, moment?: Moment): string {
  const helpsToRecompute = activations === 'keep' && (moment === undefined || moment === 'training');
  const batch = moment === 'testing' ? 'a smaller test batch' : 'a smaller batch';
  const advice = [
    ...(helpsToRecompute ? ['compute activations again instead of keeping them'] : []),
    ...(frozenWeights === '4-bit' ? [] : [`store frozen weights in ${frozenWeights === '8-bit' ? 4 : '8 or 4'} bits`]),
    `use ${batch} or shorter prompts`,
  ];
  return `To need less: ${advice.join('; ')}; or choose a smaller model.`;
}

/**
 * Refuses a plan that exceeds what the user lets it have. Browsers do not tell how much memory a GPU has.
 *
 * @param budget bytes; null where nothing is known.
 * @throws GorpError `run/too-little-memory`, with what would make it smaller.
 */
export function checkBudget(plan: MemoryPlan, budget: number | null, training: Advised): void {
  if (budget === null || plan.total <= budget) return;
  const when = { training: 'Training', measuring: 'Measuring the spaces', testing: 'Testing' }[plan.moment];
  throw new GorpError(
    'run/too-little-memory',
    `${when} needs ${formatBytes(plan.total)} of memory; ${formatBytes(budget)} are allowed.`,
    adviceFor(training, plan.moment),
  );
}

/** What no longer fits one buffer while planning, as a refusal of the plan; anything else as it is. */
export function asRefusal(thrown: unknown, training: Advised): unknown {
  if (!isCode(thrown, 'device/buffer-too-large')) return thrown;
  return new GorpError('run/too-little-memory', thrown.message, adviceFor(training), { cause: thrown });
}

/** What the device had no room for, with the advice for these settings; anything else as it is. */
export function withAdvice(thrown: unknown, training: Advised): unknown {
  if (!isCode(thrown, 'device/out-of-memory')) return thrown;
  const { code, message } = thrown;
  const nextStep = `Close other tabs and programs that use the GPU. ${adviceFor(training)}`;
  return new GorpError(code, message, nextStep, { cause: thrown });
}

const isCode = (thrown: unknown, code: string): thrown is GorpError =>
  thrown instanceof GorpError && thrown.code === code;
