import { type Matrix, matrix } from '../matrix.ts';
import { keepsDirections, type RememberedExample } from '../method-plan.ts';
import { readPart, type SavedMatrices, type StatePart, type StateSource } from '../state-part.ts';
import type { GroupSpace } from '../trainable-group.ts';
import type { LearnerCore, Progress } from './core.ts';

/** A learner's progress, as plain data. */
export interface SavedProgress extends Omit<Progress, 'state'> {
  /** Examples that the method remembers. */
  examples: readonly RememberedExample[];
}

/** All that the next step of a learner depends on, apart from its model, method and seed. */
export interface LearnerState {
  readonly progress: SavedProgress;
  readonly matrices: readonly StateSource[];
}

/** A saved {@link LearnerState}. */
export interface SavedState {
  readonly progress: SavedProgress;
  readonly matrices: SavedMatrices;
}

/** Prefix of the names of f64 matrices on the host; matrices on the device have the labels of their stacks. */
const HOST = 'host';
const nameOnHost = (kind: HostKind, name: string): string => `${HOST}/${kind}/${name}`;
type HostKind = 'space' | 'previous_A' | 'previous_B' | 'method' | `directions_${number}`;

const partsOf = ({ groups, meters }: LearnerCore): StatePart[] => [
  ...groups.flatMap((group) => group.parts()),
  ...meters.parts(),
];

/** See {@link Learner.state}. */
export function stateOf(core: LearnerCore): LearnerState {
  const { state, ...progress } = core.progress;
  const matrices: StateSource[] = partsOf(core);
  const add = (kind: HostKind, name: string, { rows, columns, data }: Matrix): void => {
    const read = (): Promise<Float64Array<ArrayBuffer>> => Promise.resolve(Float64Array.from(data));
    matrices.push({ name: nameOnHost(kind, name), dtype: 'F64', rows, columns, read });
  };
  for (const { space } of core.groups) {
    for (const [name, S] of space?.spaces ?? []) add('space', name, S);
    for (const [name, tasks] of space?.directions ?? []) {
      tasks.forEach((directions, i) => add(`directions_${i + 1}`, name, directions));
    }
  }
  for (const { adapters } of core.lora) {
    for (const [name, { A, B }] of adapters.previous) {
      add('previous_A', name, A);
      add('previous_B', name, B);
    }
  }
  for (const [name, tensor] of state.tensors) add('method', name, tensor);
  return { progress: { ...progress, examples: state.examples }, matrices };
}

/** See {@link Learner.takeUp}. */
export async function takeUp(core: LearnerCore, { progress, matrices }: SavedState): Promise<void> {
  const { examples, ...place } = progress;
  Object.assign(core.progress, place, { state: { tensors: await methodTensors(matrices), examples } });
  for (const group of core.groups) {
    if (group.space) await takeUpSpace(group.space, matrices);
  }
  for (const group of core.lora) {
    for (const name of group.layers.names) {
      const A = await onHost(matrices, 'previous_A', name);
      const B = await onHost(matrices, 'previous_B', name);
      if (A && B) group.adapters.takeUpPrevious(name, { A, B });
    }
    if (!place.training) continue;
    group.resumeTask(place.task);
    group.prepareTerms(core.plan.loss, core.progress.state);
  }
  if (place.training && keepsDirections(core.plan)) {
    for (const group of core.full) group.resumeTask(place.task, core.tasks);
  }
  for (const part of partsOf(core)) part.write(await readPart(part, matrices));
}

async function takeUpSpace(space: GroupSpace, matrices: SavedMatrices): Promise<void> {
  for (const name of space.names) {
    const S = await onHost(matrices, 'space', name);
    if (S) space.spaces.set(name, S);
    const directions: Matrix[] = [];
    for (let one; (one = await onHost(matrices, `directions_${directions.length + 1}`, name));) directions.push(one);
    if (directions.length > 0) space.directions.set(name, directions);
  }
  space.upload();
}

async function methodTensors(matrices: SavedMatrices): Promise<Map<string, Matrix>> {
  const begin = nameOnHost('method', '');
  const tensors = new Map<string, Matrix>();
  for (const full of matrices.names) {
    if (!full.startsWith(begin)) continue;
    const name = full.slice(begin.length);
    const tensor = await onHost(matrices, 'method', name);
    if (tensor) tensors.set(name, tensor);
  }
  return tensors;
}

async function onHost(matrices: SavedMatrices, kind: HostKind, name: string): Promise<Matrix | undefined> {
  const found = await matrices.read(nameOnHost(kind, name));
  return found && matrix(found.rows, found.columns, found.data);
}

// Spaces and frozen pairs are f32 on the device, but saved in f64 from the host.
const HOST_SHARE = 2;
/** Maximum bytes per row of a tensor for the main directions of a task. */
const MOST_DIRECTIONS_BYTES = 16 * 8;

/** See {@link Learner.savedBytes}. @param tasks with reserved memory. */
export function savedBytes(core: LearnerCore, tasks: number): number {
  const onDevice = partsOf(core).reduce((sum, { rows, columns }) => sum + rows * columns * 4, 0);
  const ofHost = core.groups.reduce((sum, group) => {
    const { space } = group;
    const held = (space?.stackSpace?.S.elements ?? 0) * 4 + ('adapters' in group ? group.reservedBytes : 0);
    const directions = space ? tasks * space.names.length * space.dimension * MOST_DIRECTIONS_BYTES : 0;
    return sum + held * HOST_SHARE + directions;
  }, 0);
  return onDevice + ofHost;
}
