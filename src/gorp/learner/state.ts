import { type Matrix, matrix } from '../matrix.ts';
import { keepsDirections } from '../method-plan.ts';
import { hostTensor, type LearnerState, type SavedState, type SavedTensors } from '../state.ts';
import type { LearnerCore } from './core.ts';

/** Prefix of the names of a method's own tensors. */
const METHOD = 'method/';

/** See {@link Learner.state}. */
export function stateOf({ groups, meters, progress }: LearnerCore): LearnerState {
  const { state, ...place } = progress;
  return {
    progress: { ...place, examples: state.examples },
    tensors: [
      ...[...groups, meters].flatMap((owner) => owner.state(place.training)),
      ...[...state.tensors].map(([name, tensor]) => hostTensor(METHOD + name, tensor)),
    ],
  };
}

/** See {@link Learner.restore}. */
export async function restore(core: LearnerCore, { progress, tensors }: SavedState): Promise<void> {
  const { examples, ...place } = progress;
  const { plan, lora, full, groups, meters } = core;
  Object.assign(core.progress, place, { state: { tensors: await methodTensors(tensors), examples } });
  if (place.training) {
    for (const group of lora) {
      group.resumeTask(place.task);
      group.prepareTerms(plan.loss, core.progress.state);
    }
    if (keepsDirections(plan)) for (const group of full) group.resumeTask(place.task, core.tasks);
  }
  for (const owner of [...groups, meters]) await owner.restore(tensors, progress);
}

async function methodTensors(saved: SavedTensors): Promise<Map<string, Matrix>> {
  const tensors = new Map<string, Matrix>();
  for (const name of saved.names.filter((one) => one.startsWith(METHOD))) {
    const found = await saved.read(name);
    if (found) tensors.set(name.slice(METHOD.length), matrix(found.rows, found.columns, found.data));
  }
  return tensors;
}

// Spaces and a method's tensors are f32 on the device, but saved in f64 from the host.
const HOST_SHARE = 2;
/** Maximum bytes per row of a tensor for the main directions of a task. */
const MOST_DIRECTIONS_BYTES = 16 * 8;

/** See {@link Learner.savedBytes}. @param tasks with reserved memory. */
export function savedBytes({ groups, meters }: LearnerCore, tasks: number): number {
  const onDevice = [...groups, meters]
    .flatMap((owner) => owner.state(true))
    .reduce((sum, { rows, columns }) => sum + rows * columns * 4, 0);
  return groups.reduce((sum, group) => {
    const { space } = group;
    const held = (space?.stackSpace?.S.elements ?? 0) * 4 + ('adapters' in group ? group.termBytes : 0);
    const directions = space ? tasks * space.names.length * space.dimension * MOST_DIRECTIONS_BYTES : 0;
    return sum + held * HOST_SHARE + directions + ('adapters' in group ? group.adapters.previousBytes : 0);
  }, onDevice);
}
