import type { SavedTraining, Trained } from '../trained.ts';
import type { LearnerCore } from './core.ts';

/** Everything that was trained, to save; read it before the next task begins. */
export function trainedOf({ plan, progress, lora, full, groups }: LearnerCore): Trained {
  return {
    tasks: progress.task,
    optimizerSteps: progress.totalSteps,
    scaling: plan.adapters ? plan.adapters.alpha / plan.adapters.rank : 0,
    adapters: lora.flatMap((group) => group.trained()),
    weights: full.flatMap((group) => group.trained()),
    spaces: new Map(groups.flatMap(({ space }) => [...(space?.spaces ?? [])])),
    directions: new Map(groups.flatMap(({ space }) => [...(space?.directions ?? [])])),
    state: progress.state,
  };
}

/** Resumes from another learner's state after a task: see {@link Learner.restore}. */
export async function restoreTo(core: LearnerCore, saved: SavedTraining): Promise<void> {
  for (const group of core.groups) await group.restore(saved);
  if (core.plan.endTask) core.progress.state = await saved.state();
  core.progress.task = saved.tasks;
  core.progress.totalSteps = saved.optimizerSteps;
}
