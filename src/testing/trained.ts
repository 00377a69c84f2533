import { Adapters } from '../gorp/adapters/adapters-part.ts';
import { FullRankWeights } from '../gorp/full-rank/full-rank-part.ts';
import { Gates } from '../gorp/gates/gates.ts';
import type { LearnerCore } from '../gorp/learner/core.ts';
import type { InputSpaces } from '../gorp/spaces/input-spaces.ts';
import { MomentSpace } from '../gorp/spaces/moment-space.ts';
import type { GroupSpace } from '../gorp/part/trainable-group.ts';
import { type Matrix, matrix, multiplyTranspose } from '../linear-algebra/matrix.ts';

/** Everything that a learner has trained, read from its device. Names are layers, without `.weight`. */
export interface Trained {
  /** The pairs in training. */
  readonly adapters: Map<string, { A: Matrix; B: Matrix }>;
  readonly weights: Map<string, Matrix>;
  /** S Sᵀ of every tensor that excludes a space. */
  readonly spaces: Map<string, Matrix>;
  /** The weights of the current task's gate, by the name of the part. */
  readonly gate: Map<string, Matrix>;
}

/** @throws Error if a part of the change is not in the weights yet, as with projections within a task. */
export async function readTrained({ parts, inputSpaces, progress }: LearnerCore): Promise<Trained> {
  if (progress.isUnmerged) throw new Error('the weights lack a part of the change until the task ends');
  const lora = parts.find((part) => part instanceof Adapters)?.groups ?? [];
  const full = parts.find((part) => part instanceof FullRankWeights)?.groups ?? [];
  const gates = parts.find((part) => part instanceof Gates);
  const read: Trained = { adapters: new Map(), weights: new Map(), spaces: new Map(), gate: new Map() };
  for (const group of lora) {
    const [A, B] = [await group.adapters.A.read(), await group.adapters.B.read()];
    for (const name of group.layers.names) {
      read.adapters.set(name, { A: A.get(name) as Matrix, B: B.get(name) as Matrix });
    }
    await readSpaces(group.space, inputSpaces, read.spaces);
  }
  for (const part of gates?.weights ?? []) read.gate.set(part.name, matrix(part.rows, part.columns, await part.read()));
  for (const group of full) {
    for (const [name, W] of await group.weights.read()) read.weights.set(name, W);
    await readSpaces(group.space, inputSpaces, read.spaces);
  }
  return read;
}

async function readSpaces(
  space: GroupSpace | undefined,
  inputSpaces: InputSpaces | undefined,
  into: Map<string, Matrix>,
): Promise<void> {
  for (const name of space?.names ?? []) {
    const S = space instanceof MomentSpace ? space.spaces.get(name) : undefined;
    if (S) into.set(name, multiplyTranspose(S, S));
    const P = await inputSpaces?.read(name);
    if (P) into.set(name, { ...P, data: P.data.map((value, at) => (at % (P.columns + 1) === 0 ? 1 : 0) - value) });
  }
}

/** Replaces the pair in training of a layer: A [r, in], B [out, r]. */
export function writePair({ parts }: LearnerCore, layer: string, { A, B }: { A: Matrix; B: Matrix }): void {
  const group = parts.find((part) => part instanceof Adapters)?.groupOf(layer);
  if (group === undefined) throw new Error(`${layer} has no adapter`);
  group.adapters.A.write(layer, A);
  group.adapters.B.write(layer, B);
}
