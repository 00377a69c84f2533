import type { PartNeeds } from '../part-needs.ts';

/** LoRA on the layers that get adapters in the model family (docs/method.md, section 2). */
export interface AdapterPlan {
  readonly part: 'adapters';
  readonly needs: PartNeeds;
  /** `one` pair trained on every task in turn, or a new pair per task, with the earlier ones frozen. */
  readonly pairs: 'one' | 'per-task';
  readonly rank: number;
  /** The output of a pair is scaled by alpha / rank. */
  readonly alpha: number;
  /** Share of a pair's inputs set to 0 in training. */
  readonly dropout: number;
  readonly learningRate: number;
  /**
   * How a task's A is made: `random` and trained; or from the part of the task's `inputs` outside the space of earlier
   * tasks and frozen, so that only B is trained ({@link designedA}).
   */
  readonly design: 'random' | 'inputs';
}

export const adapters = (plan: Omit<AdapterPlan, 'part' | 'needs'>): AdapterPlan => ({
  part: 'adapters',
  needs: plan.design === 'inputs' ? { inputsAtBegin: 'all' } : {},
  ...plan,
});

/** Name of one matrix of a layer's adapter. */
export const adapterName = (layer: string, part: 'lora_A' | 'lora_B'): string => `${layer}.${part}`;
