import type { Device } from '../device/device.ts';
import type { LoraGroup } from './adapters/lora-group.ts';
import type { AdapterPlan } from './adapters/plan.ts';
import type { DistillationPlan } from './distillation/plan.ts';
import type { FullRankGroup } from './full-rank/full-rank-group.ts';
import type { FullRankPlan } from './full-rank/plan.ts';
import type { GatePlan } from './gates/plan.ts';
import type { ImportancePlan } from './importance/plan.ts';
import type { MergingPlan } from './merging/plan.ts';
import type { Part } from './part.ts';
import type { PartNeeds } from './part-needs.ts';
import type { PenaltyPlan } from './penalties/plan.ts';
import type { ReplayPlan } from './replay/plan.ts';
import type { RowMaskPlan } from './row-mask/plan.ts';
import type { InputSpacePlan, MomentSpacePlan } from './spaces/plan.ts';

/** What a part from outside is made from: the groups of trained tensors of the parts before it. */
export interface OwnPartOf {
  readonly device: Device;
  readonly adapters: readonly LoraGroup[];
  readonly fullRank: readonly FullRankGroup[];
}

/** A part from outside, as a plugin defines it: it brings its own life. */
export interface OwnPartPlan {
  readonly part: 'own';
  readonly needs: PartNeeds;
  /** What it hands from one task to the next, in words; empty if nothing. */
  readonly handsOn: string;
  readonly open: (of: OwnPartOf) => Part;
}

export const ownPart = (handsOn: string, open: OwnPartPlan['open'], needs: PartNeeds = {}): OwnPartPlan => ({
  ...{ part: 'own', needs, handsOn, open },
});

/** The parts that methods are composed of, as data. Each has a folder here, which holds its whole life. */
export type PartPlan =
  | AdapterPlan
  | DistillationPlan
  | FullRankPlan
  | GatePlan
  | ImportancePlan
  | InputSpacePlan
  | MergingPlan
  | MomentSpacePlan
  | OwnPartPlan
  | PenaltyPlan
  | ReplayPlan
  | RowMaskPlan;

/** How tasks are learned: one after another, all mixed in a single round, or each alone, from the base model. */
export type Schedule = 'in-turn' | 'mixed' | 'apart';

/**
 * A method as data: the parts that it is composed of, in the order in which they act. `src/methods` makes one from a
 * method's settings. Parts declare transforms of gradients and updates without running them, so that the compiler can
 * push them into the two skinny products and never form a full gradient.
 *
 * The order within a step: terms of the loss, transforms of the gradient, clipping, Adam, transforms of the update.
 */
export interface MethodPlan {
  readonly schedule: Schedule;
  readonly parts: readonly PartPlan[];
}

/** The part of a kind that a method has; undefined if it has none. */
export const partOf = <Kind extends PartPlan['part']>(
  { parts }: Pick<MethodPlan, 'parts'>,
  kind: Kind,
): Extract<PartPlan, { readonly part: Kind }> | undefined =>
  parts.find((one): one is Extract<PartPlan, { readonly part: Kind }> => one.part === kind);

/** What all parts of a method ask for together. */
export const needsOf = ({ parts }: Pick<MethodPlan, 'parts'>): PartNeeds =>
  Object.assign({}, ...parts.map(({ needs }) => needs)) as PartNeeds;

/** The space of directions that earlier tasks used; undefined if the method has none. */
export const spaceOf = (plan: Pick<MethodPlan, 'parts'>): InputSpacePlan | MomentSpacePlan | undefined =>
  partOf(plan, 'input-space') ?? partOf(plan, 'moment-space');
