import { GorpError } from '../../base/errors.ts';
import { allOrNothing } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { Network } from '../../models/network.ts';
import type { TargetModules } from '../../models/targets.ts';
import { Adapters } from '../adapters/adapters-part.ts';
import type { LoraGroup } from '../adapters/lora-group.ts';
import { Distillation } from '../distillation/distillation-part.ts';
import type { FullRankGroup } from '../full-rank/full-rank-group.ts';
import { FullRankWeights } from '../full-rank/full-rank-part.ts';
import { Gates } from '../gates/gates.ts';
import { Importance } from '../importance/importance-part.ts';
import { type LayerGroup, layerGroups } from '../part/trainable-group.ts';
import { Merging } from '../merging/merging-part.ts';
import {
  type MethodPlan,
  needsOf,
  type OwnPartPlan,
  partOf,
  type PartNeeds,
  type PartPlan,
} from '../part/method-plan.ts';
import { guardedPart } from '../part/own-part.ts';
import type { Part } from '../part/part.ts';
import { Penalties } from '../penalties/penalties-part.ts';
import { Replay } from '../replay/replay-part.ts';
import { RowMask } from '../row-mask/row-mask-part.ts';
import { InputSpaces } from '../spaces/input-spaces.ts';
import { MomentSpaces } from '../spaces/space-growth.ts';

/** The material of a part from outside: the groups of trained tensors of the parts before it. */
export interface OwnPartOf {
  readonly device: Device;
  readonly adapters: readonly LoraGroup[];
  readonly fullRank: readonly FullRankGroup[];
}
type OpenOwnPart = (of: OwnPartOf) => Part;

export const ownPart = (handsOn: string, open: OpenOwnPart, needs: PartNeeds = {}): OwnPartPlan => ({
  part: 'own',
  needs: { ...needs, handsOn },
  open,
});

/**
 * Opens the parts of a method on a device, in their order.
 *
 * @throws GorpError `settings/rank-too-large`, `device/out-of-memory`, …; then nothing stays allocated.
 */
export function openParts(
  device: Device,
  { shapes, embeddingWidth }: Pick<Network, 'shapes' | 'embeddingWidth'>,
  plan: MethodPlan,
  targets: TargetModules,
): Part[] {
  const opened: Part[] = [];
  const find = <Found extends Part>(kind: new (...args: never[]) => Found): Found | undefined =>
    opened.find((part): part is Found => part instanceof kind);
  const adapters = (): Adapters => {
    const found = find(Adapters);
    if (found === undefined) throw new Error('a part of adapters stands before them');
    return found;
  };
  /** The space that trained tensors avoid: of inputs, which stands before them; of moments they make their own. */
  const space = () => find(InputSpaces) ?? partOf(plan, 'moment-space') ?? null;
  const layers = (target: RegExp): LayerGroup[] => layerGroups(shapes, target, device.limits.buffer);
  const open = (part: PartPlan): Part => {
    switch (part.part) {
      case 'adapters': {
        const groups = layers(targets.lora);
        checkRank('loraRank', part.rank, groups);
        return new Adapters(device, part, plan.schedule, groups, space(), needsOf(plan).earlierPairs === true);
      }
      case 'full-rank': {
        const groups = layers(targets.fullRank);
        if (part.form === 'projected') checkRank('galoreRank', part.rank, groups);
        return new FullRankWeights(device, part, groups, space());
      }
      case 'input-space':
        return new InputSpaces(device, part);
      case 'moment-space':
        return new MomentSpaces(part, () => [
          ...(find(Adapters)?.groups ?? []),
          ...(find(FullRankWeights)?.groups ?? []),
        ]);
      case 'gates':
        return new Gates(device, part, embeddingWidth);
      case 'penalties':
        return new Penalties(part, adapters().groups);
      case 'importance':
        return new Importance(device, part, adapters().groups);
      case 'distillation':
        return new Distillation(part, adapters());
      case 'merging':
        return new Merging(adapters().groups);
      case 'row-mask':
        return new RowMask(device, part, adapters().groups);
      case 'replay':
        return new Replay(part);
      case 'own':
        return guardedPart(
          (part.open as OpenOwnPart)({
            device,
            adapters: find(Adapters)?.groups ?? [],
            fullRank: find(FullRankWeights)?.groups ?? [],
          }),
        );
    }
  };
  return allOrNothing(device, () => {
    for (const part of plan.parts) opened.push(open(part));
    return opened;
  });
}

function checkRank(setting: string, rank: number, groups: readonly LayerGroup[]): void {
  const small = groups.find(({ out, inputs }) => rank > Math.min(out, inputs));
  if (small === undefined) return;
  const { names, out, inputs } = small;
  throw new GorpError(
    'settings/rank-too-large',
    `${setting} is ${rank}, but ${names[0]} is only [${out}, ${inputs}].`,
    `Choose a rank of at most ${Math.min(out, inputs)}.`,
  );
}
