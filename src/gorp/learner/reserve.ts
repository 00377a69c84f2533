import type { BatchSizes } from '../../base/batch.ts';
import type { Program } from '../../device/device.ts';
import { InputCovariances } from '../spaces/covariances.ts';
import type { PlannedGrowth } from '../spaces/input-spaces.ts';
import { NO_STATE } from '../method-plan.ts';
import { SquaredGradients } from '../adapters/squared-gradients.ts';
import type { LearnerCore } from './core.ts';
import type { LearnerPrograms } from './programs.ts';

/** A measurement whose memory is reserved until the next is asked for. */
export interface Reserved {
  /** Bytes that it reads back at once. */
  readonly largestBytes: number;
  /** The work of spaces of inputs. */
  readonly spaces?: {
    /** Reads a batch of prompts. */
    readonly read: Program;
    /** Builds a group of spaces. */
    readonly growth: PlannedGrowth;
  };
}

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
  for (const group of core.groups) group.reserve({ pairs: tasks - 1, spaces: tasks - 1 });
  core.inputSpaces?.reserve(tasks > 1 || isProtected);
  core.gates?.reserve({ pairs: tasks - 1, spaces: tasks - 1 });
  if (tasks > 1) for (const group of core.lora) group.prepareTerms(core.plan.loss, NO_STATE, true);
  if (core.hasFast) await programs.gradients(sizes, true);
  const gradients = await programs.gradients(sizes, false);
  const optimizer = await programs.optimizer();
  return [...gradients.map(({ compiled }) => compiled.program), optimizer.norm, optimizer.update(false)];
}

/** Reserves the memory for the end of the last of a number of tasks, after its spaces have grown, for a memory plan. */
export function reserveTesting(core: LearnerCore, programs: LearnerPrograms, tasks: number): void {
  programs.drop();
  for (const group of core.groups) group.reserve({ pairs: tasks - 1, spaces: tasks });
  core.inputSpaces?.reserve(true);
  core.gates?.reserve({ pairs: tasks - 1, spaces: tasks - 1 });
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
  const { device, network, parts, plan, loss, options } = core;
  programs.drop();
  if (core.inputSpaces) {
    const sums = new InputCovariances(device, network, parts);
    await sums.prepare(sizes);
    core.inputSpaces.reserve(true);
    const [read] = sums.programs;
    for await (const growth of core.inputSpaces.reserveGrowth(sums.sums)) {
      yield { largestBytes: sums.largestBytes, spaces: { read, growth } };
    }
    sums.destroy();
  }
  if (plan.passes.squares > 0) {
    const { recompute = false } = options;
    const squares = new SquaredGradients(device, network, parts, loss, { recompute });
    const [{ S, T }] = sizes;
    await squares.prepare({ B: 1, S, T }, T);
    yield squares;
    squares.destroy();
  }
}
