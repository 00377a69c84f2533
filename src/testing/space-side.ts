import type { MomentSpacePlan, SpacePlan } from '../gorp/part/method-plan.ts';

/** Side of A on which a space acts. */
export const sideOfA = (plan: SpacePlan): MomentSpacePlan['loraSpace'] =>
  plan.part === 'input-space' ? 'input' : plan.loraSpace;
