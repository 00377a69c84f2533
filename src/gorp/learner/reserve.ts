import type { BatchSizes } from '../../base/batch.ts';
import type { Program } from '../../device/device.ts';
import type { Reserved } from '../part.ts';
import type { LearnerCore } from './core.ts';
import type { LearnerPrograms } from './programs.ts';

/**
 * Reserves the memory for steps of the last of a number of tasks, with spaces at their largest, and writes nothing to
 * it, for a memory plan.
 *
 * @param isProtected whether there are spaces in the first task too.
 * @returns the programs of a step without new bases.
 */
export async function reserveTraining(
  core: LearnerCore,
  programs: LearnerPrograms,
  tasks: number,
  sizes: readonly BatchSizes[],
  isProtected: boolean,
): Promise<Program[]> {
  programs.drop();
  for (const part of core.parts) part.reserve?.({ pairs: tasks - 1, spaces: tasks - 1, isProtected });
  if (core.hasUnmerged) await programs.gradients(sizes, true);
  const gradients = await programs.gradients(sizes, false);
  const optimizer = await programs.optimizer();
  return [...gradients.map(({ compiled }) => compiled.program), optimizer.norm, optimizer.update(false)];
}

/** Reserves the memory for the end of the last of a number of tasks, after its spaces have grown, for a memory plan. */
export function reserveTesting(core: LearnerCore, programs: LearnerPrograms, tasks: number): void {
  programs.drop();
  for (const part of core.parts) part.reserve?.({ pairs: tasks - 1, spaces: tasks, isProtected: false });
}

/**
 * The measurements at the end of a task, one after another, for a memory plan. Spaces from moments need none: reading
 * moments takes less than training.
 */
export async function* reserveMeasuring(
  core: LearnerCore,
  programs: LearnerPrograms,
  sizes: readonly BatchSizes[],
): AsyncGenerator<Reserved> {
  programs.drop();
  const { recompute = false } = core.options;
  for (const part of core.parts) if (part.reserveMeasuring) yield* part.reserveMeasuring({ ...core, recompute }, sizes);
}
