import type { LearnerState, SavedState, StateOwner } from '../state.ts';
import type { LearnerCore } from './core.ts';

/** What saves and restores its own tensors. */
const ownersOf = ({ parts, meters, kept }: LearnerCore): Partial<StateOwner>[] => [
  ...[...parts, meters],
  ...(kept ? [kept] : []),
];

/** See {@link Learner.state}. */
export function stateOf(core: LearnerCore): LearnerState {
  const { progress, parts, kept } = core;
  return {
    progress: { ...progress, ...kept?.progress, examples: parts.flatMap(({ remembered = [] }) => remembered) },
    tensors: ownersOf(core).flatMap((owner) => owner.state?.(progress.training) ?? []),
    versions: versionsOf(core),
  };
}

function versionsOf({ progress, hasUnmerged, merges, kept }: LearnerCore): LearnerState['versions'] {
  const begun = progress.isProtected ? `protected, task ${progress.task}` : `task ${progress.task}`;
  const task = `${begun}, ${progress.training ? 'training' : 'ended'}`;
  const taken = `${task}, taken back ${kept?.takes ?? 0} times`;
  const step = `${taken}, step ${progress.totalSteps}`;
  return { adapter: step, weights: hasUnmerged ? `${taken}, merge ${merges}` : step, earlier: task, step };
}

/** See {@link Learner.restore}. */
export async function restore(core: LearnerCore, { progress, tensors }: SavedState): Promise<void> {
  const { task, step, totalSteps, training, isProtected, isUnmerged, rateFactors } = progress; // parts take the examples
  Object.assign(core.progress, { task, step, totalSteps, training, isProtected, isUnmerged, rateFactors });
  if (training) {
    for (const part of core.parts) part.resumeTask?.({ task, tasks: () => core.tasks });
  }
  for (const owner of ownersOf(core)) await owner.restore?.(tensors, progress);
}

/** See {@link Learner.savedBytes}. @param tasks with reserved memory. */
export function savedBytes(core: LearnerCore, tasks: number): number {
  const onDevice = [...core.parts, core.meters]
    .flatMap((owner: Partial<StateOwner>) => owner.state?.(true) ?? [])
    .concat(core.kept?.tensors ?? [])
    .reduce((sum, { rows, columns }) => sum + rows * columns * 4, 0);
  return core.parts.reduce((sum, part) => sum + (part.savedBytes?.(tasks) ?? 0), onDevice);
}

/** See {@link Learner.hostBytes}. @param tasks with reserved memory. */
export const hostBytes = ({ parts }: LearnerCore, tasks: number): number =>
  parts.reduce((sum, part) => sum + (part.hostBytes?.(tasks) ?? 0), 0);
