import { GorpError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import type { Network } from '../models/network.ts';
import { FullRankGroup } from './full-rank/full-rank-group.ts';
import { Gates } from './gates/gates.ts';
import { InputSpaces } from './spaces/input-spaces.ts';
import { LoraGroup } from './adapters/lora-group.ts';
import type { TargetModules } from '../models/targets.ts';
import { type LayerGroup, layerGroups } from './method-groups.ts';
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
