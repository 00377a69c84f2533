import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import { DIRECTIONS_BYTES } from '../spaces/directions.ts';
import { keepsDirections } from '../method-plan.ts';
import { MomentSpace } from '../spaces/moment-space.ts';
import { hostTensor, type LearnerState, type SavedState, type SavedTensors, type StateOwner } from '../state.ts';
import type { LearnerCore } from './core.ts';

/** Prefix of the names of a method's own tensors. */
const METHOD = 'method/';

/** What saves and restores its own tensors. */
const ownersOf = ({ groups, inputSpaces, gates, meters }: LearnerCore): StateOwner[] => [
  ...groups,
  ...(gates ? [gates] : []),
  ...(inputSpaces ? [inputSpaces] : []),
  meters,
];

/** See {@link Learner.state}. */
export function stateOf(core: LearnerCore): LearnerState {
  const { state, ...place } = core.progress;
  return {
    progress: { ...place, examples: state.examples },
    tensors: [
      ...ownersOf(core).flatMap((owner) => owner.state(place.training)),
      ...[...state.tensors].map(([name, tensor]) => hostTensor(METHOD + name, tensor)),
    ],
    versions: versionsOf(core),
  };
}

function versionsOf({ progress, hasFast, merges }: LearnerCore): LearnerState['versions'] {
  const begun = progress.isProtected ? `protected, task ${progress.task}` : `task ${progress.task}`;
  const task = `${begun}, ${progress.training ? 'training' : 'ended'}`;
  const step = `${task}, step ${progress.totalSteps}`;
  return { adapter: step, weights: hasFast ? `${task}, merge ${merges}` : step, earlier: task, step };
}

/** See {@link Learner.restore}. */
export async function restore(core: LearnerCore, { progress, tensors }: SavedState): Promise<void> {
  const { examples, ...place } = progress;
  const { plan, lora } = core;
  Object.assign(core.progress, place, { state: { tensors: await methodTensors(tensors), examples } });
  if (place.training) {
    for (const group of lora) {
      group.resumeTask(place.task);
      group.prepareTerms(plan.loss, core.progress.state);
    }
    if (keepsDirections(plan)) for (const { trainer } of core.plain) trainer.resumeTask(place.task, core.tasks);
  }
  for (const owner of ownersOf(core)) await owner.restore(tensors, progress);
}

async function methodTensors(saved: SavedTensors): Promise<Map<string, Matrix>> {
  const tensors = new Map<string, Matrix>();
  for (const name of saved.names.filter((one) => one.startsWith(METHOD))) {
    const found = await saved.read(name);
    if (found) tensors.set(name.slice(METHOD.length), matrix(found.rows, found.columns, found.data));
  }
  return tensors;
}

// Spaces of moments and a method's tensors are f32 on the device, but saved in f64 from the host.
const HOST_SHARE = 2;
/** See {@link Learner.savedBytes}. @param tasks with reserved memory. */
export function savedBytes({ groups, inputSpaces, gates, meters }: LearnerCore, tasks: number): number {
  const onDevice = [...groups, ...(gates ? [gates] : []), meters]
    .flatMap((owner) => owner.state(true))
    .reduce((sum, { rows, columns }) => sum + rows * columns * 4, 0);
  const ofInputs = (inputSpaces?.stateBytes(tasks) ?? 0) + (gates?.spaceBytes(tasks) ?? 0);
  return groups.reduce((sum, group) => {
    const space = group.space instanceof MomentSpace ? group.space : undefined;
    const held = (space?.S?.tensor.elements ?? 0) * 4 + ('adapters' in group ? group.termBytes : 0);
    const directions = space ? tasks * space.names.length * space.dimension * DIRECTIONS_BYTES : 0;
    return sum + held * HOST_SHARE + directions + ('adapters' in group ? group.adapters.previousBytes : 0);
  }, onDevice + ofInputs);
}

/** See {@link Learner.hostBytes}. @param tasks with reserved memory. */
export function hostBytes({ groups, inputSpaces, gates }: LearnerCore, tasks: number): number {
  return groups.reduce(
    (sum, { space }) => {
      if (!(space instanceof MomentSpace)) return sum;
      const held = (space.S?.tensor.elements ?? 0) * 8;
      return sum + held + tasks * space.names.length * space.dimension * DIRECTIONS_BYTES;
    },
    (inputSpaces?.hostBytes(tasks) ?? 0) + (gates?.spaceBytes(tasks) ?? 0),
  );
}
