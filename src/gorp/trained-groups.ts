import { GorpError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import type { Network } from '../models/network.ts';
import { FullRankGroup } from './full-rank/full-rank-group.ts';
import { Gates } from './gates/gates.ts';
import { InputSpaces } from './spaces/input-spaces.ts';
import { LoraGroup } from './adapters/lora-group.ts';
import { type Matrix, matrix, multiplyTranspose } from '../linear-algebra/matrix.ts';
import type { TargetModules } from '../models/targets.ts';
import { type LayerGroup, layerGroups } from './method-groups.ts';
import { MomentSpace } from './spaces/moment-space.ts';
import type { GroupSpace } from './trainable-group.ts';
import { type LossTerm, type MethodPlan, momentsOf } from './method-plan.ts';

/** Everything that a method trains, in groups of layers of one shape. */
export interface TrainedGroups {
  readonly lora: readonly LoraGroup[];
  readonly full: readonly FullRankGroup[];
  /** The spaces of the inputs that all groups exclude; undefined without such a plan. */
  readonly inputSpaces: InputSpaces | undefined;
  /** The gates of adapters; undefined without such a plan. */
  readonly gates: Gates | undefined;
}

/** @throws GorpError `settings/rank-too-large`, `device/out-of-memory`, …; then nothing stays allocated. */
export function createGroups(
  device: Device,
  { shapes, embeddingWidth }: Pick<Network, 'shapes' | 'embeddingWidth'>,
  plan: MethodPlan,
  targets: TargetModules,
): TrainedGroups {
  const lora: LoraGroup[] = [];
  const full: FullRankGroup[] = [];
  const limit = device.limits.buffer;
  const inputSpaces = plan.space?.spaceSource === 'activation' ? new InputSpaces(device, plan.space) : undefined;
  try {
    const { adapters, fullRank } = plan;
    if (adapters) {
      for (const group of layerGroups(shapes, targets.lora, limit)) {
        checkRank('loraRank', adapters.rank, group.names[0], group.out, group.inputs);
        checkTerms(plan.loss, group);
        lora.push(new LoraGroup(device, group, adapters, plan, inputSpaces));
      }
    }
    if (fullRank) {
      for (const group of layerGroups(shapes, targets.fullRank, limit)) {
        if (fullRank.form === 'projected') {
          checkRank('galoreRank', fullRank.rank, group.names[0], group.out, group.inputs);
        }
        full.push(new FullRankGroup(device, group, fullRank, inputSpaces ?? momentsOf(plan.space)));
      }
    }
    const gates = adapters?.gates ? new Gates(device, adapters.gates, embeddingWidth) : undefined;
    return { lora, full, inputSpaces, gates };
  } catch (error) {
    for (const group of [...lora, ...full]) group.destroy();
    throw error;
  }
}

function checkRank(setting: string, rank: number, layer: string, out: number, inputs: number): void {
  if (rank <= Math.min(out, inputs)) return;
  throw new GorpError(
    'settings/rank-too-large',
    `${setting} is ${rank}, but ${layer} is only [${out}, ${inputs}].`,
    `Choose a rank of at most ${Math.min(out, inputs)}.`,
  );
}

function checkTerms(terms: readonly LossTerm[], { names, out, inputs }: LayerGroup): void {
  if (out === inputs || !terms.some(({ kind }) => kind === 'crossed')) return;
  throw new GorpError(
    'settings/not-square',
    `The released form of N-LoRA needs the product A B, but ${names[0]} is [${out}, ${inputs}], not square.`,
    'Choose the form of the paper, or adapt layers with as many inputs as outputs.',
  );
}

/** Everything trained, read from the GPU. Names are layers, without `.weight`. */
export interface ReadTrained {
  readonly adapters: Map<string, { A: Matrix; B: Matrix; previous: { A: Matrix; B: Matrix } | undefined }>;
  readonly weights: Map<string, Matrix>;
  /** Adam's first moments of A and of full-rank weights. */
  readonly moments: Map<string, Matrix>;
  /** S Sᵀ of every tensor that excludes a space. */
  readonly spaces: Map<string, Matrix>;
  /** The weights of the current task's gate, by the name of the part. */
  readonly gate: Map<string, Matrix>;
}

/** Waits for the GPU. The pairs of fast projections must have been merged. */
export async function readTrained({ lora, full, inputSpaces, gates }: TrainedGroups): Promise<ReadTrained> {
  const read: ReadTrained = {
    adapters: new Map(),
    weights: new Map(),
    moments: new Map(),
    spaces: new Map(),
    gate: new Map(),
  };
  for (const group of lora) {
    const [A, B] = [await group.adapters.A.read(), await group.adapters.B.read()];
    for (const name of group.layers.names) {
      const pair = { A: A.get(name) as Matrix, B: B.get(name) as Matrix };
      read.adapters.set(name, { ...pair, previous: group.adapters.previous.get(name) });
    }
    for (const [name, m] of await group.momentsA.m.read()) read.moments.set(name, m);
    await readSpaces(group.space, inputSpaces, read.spaces);
  }
  for (const part of gates?.parts ?? []) read.gate.set(part.name, matrix(part.rows, part.columns, await part.read()));
  for (const group of full) {
    for (const [name, W] of await group.weights.read()) read.weights.set(name, W);
    for (const [name, m] of await group.moments.m.read()) read.moments.set(name, m);
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
