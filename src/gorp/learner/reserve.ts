import type { BatchSizes } from '../../base/batch.ts';
import type { Program } from '../../device/device.ts';
import { inputBytes } from '../../device/buffers.ts';
import { PASSES } from '../../linear-algebra/block-power.ts';
import type { GradientUse } from '../part/gradient-programs.ts';
import type { Reserved } from '../part/part.ts';
import type { LearnerCore } from './core.ts';
import type { LearnerPrograms } from './programs.ts';

/** The programs of a step, to count their work. */
export interface StepPrograms {
  /** Of a micro-batch of each size. */
  readonly gradients: readonly Program[];
  /** Bytes of their inputs, of which programs of other sizes have their own. */
  readonly gradientInputs: number;
  /** What else new bases take of each size, and how often in a step on average. */
  readonly bases: { readonly programs: readonly Program[]; readonly perStep: number };
  readonly optimizer: readonly Program[];
}

/**
 * Reserves the memory for steps of the last of a number of tasks, with spaces at their largest, and writes nothing to
 * it, for a memory plan.
 *
 * @param isProtected whether there are spaces in the first task too.
 */
export async function reserveTraining(
  core: LearnerCore,
  programs: LearnerPrograms,
  tasks: number,
  sizes: readonly BatchSizes[],
  isProtected: boolean,
): Promise<StepPrograms> {
  programs.drop();
  for (const part of core.parts) part.reserve?.({ pairs: tasks - 1, spaces: tasks - 1, isProtected });
  const of = async (use: GradientUse): Promise<Program[]> =>
    (await programs.gradients(sizes, use)).map(({ compiled }) => compiled.program);
  const halves: Program[] = [];
  const isAlone = core.options.gradientAccumulation === 1;
  if (core.hasUnmerged && isAlone) await of('refresh');
  if (core.hasUnmerged && !isAlone) {
    halves.push(...(await of('away')), ...(await of('back')));
    for (const turn of ['begin', 'away', 'last'] as const) await programs.turn(turn);
  }
  const before = inputBytes(core.device);
  const gradients = await of('gradients');
  const gradientInputs = inputBytes(core.device) - before;
  const optimizer = await programs.optimizer();
  const bases = { programs: halves, perStep: PASSES / programs.gap };
  return { gradients, gradientInputs, bases, optimizer: [optimizer.norm, optimizer.update(false)] };
}

/** Reserves the memory for the end of the last of a number of tasks, after its spaces have grown, for a memory plan. */
export function reserveTesting(core: LearnerCore, programs: LearnerPrograms, tasks: number): void {
  programs.drop();
  for (const part of core.parts) part.reserve?.({ pairs: tasks - 1, spaces: tasks, isProtected: false });
}

/**
 * The measurements at the end of a task, on batches of these sizes or on a single example, one after another, for a
 * memory plan. Spaces from moments need none: reading
 * moments takes less than training.
 */
export async function* reserveMeasuring(
  core: LearnerCore,
  programs: LearnerPrograms,
  sizes: readonly BatchSizes[],
  single: BatchSizes,
): AsyncGenerator<Reserved> {
  programs.drop();
  const { recompute = false } = core.options;
  for (const part of core.parts)
    if (part.reserveMeasuring) yield* part.reserveMeasuring({ ...core, recompute }, sizes, single);
}
