import type { MomentSpacePlan, SpacePlan } from '../gorp/method-plan.ts';

/** Side of A on which a space acts. */
export const sideOfA = (plan: SpacePlan): MomentSpacePlan['loraSpace'] =>
  plan.spaceSource === 'activation' ? 'input' : plan.loraSpace;
