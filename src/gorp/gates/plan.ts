import type { PartNeeds } from '../part-needs.ts';
import type { HardInputSpacePlan } from '../spaces/plan.ts';

/**
 * A gate per task, a small network on the mean embedding of the prompt, scales the task's pair (docs/method.md, eq.
 * (31)). What changes in it lies outside the space of what earlier tasks gave it to read, so that a new gate stays 0 on
 * their prompts. Only with a pair per task.
 */
export interface GatePlan {
  readonly part: 'gates';
  readonly needs: PartNeeds;
  /** Width of its hidden layer. */
  readonly width: number;
  /** Energy that the spaces must hold after the first task; it rises to 1 after the last. */
  readonly threshold: number;
  readonly energyOf: HardInputSpacePlan['energyOf'];
}

/** Prompts from which a gate's key and spaces are made, at most. Reading one takes a mean of embeddings. */
export const GATE_PROMPTS = 256;

export const gates = (plan: Omit<GatePlan, 'part' | 'needs'>): GatePlan => ({
  part: 'gates',
  needs: { prompts: GATE_PROMPTS, earlierPairs: true, taskCount: true, byPrompt: true },
  ...plan,
});
