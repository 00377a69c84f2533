import type { Effort } from '../../run/duration.ts';
import { PARTS, type Parts, totalOf } from '../../run/memory-plan.ts';
import type { ModelModules } from '../../run/trained-modules.ts';
import type { AskForPlan } from '../memory/plan-worker.ts';

const MIB = 2 ** 20;
const PLANNED: Readonly<Partial<Parts>> = {
  weights: 742 * MIB,
  trained: 207 * MIB,
  optimizer: 24 * MIB,
  spaces: 31 * MIB,
  arena: 806 * MIB,
  inputs: 5 * MIB,
  readBack: MIB / 4,
};

/** With this effort, the default order takes half a minute on the scripted CPU. */
const EFFORT: Effort = {
  step: { operations: 5e8, kernels: 600 },
  example: { operations: 3e7, kernels: 20 },
  promptTokens: 96,
};

/** The layers of the embedded T5. */
const MODULES: ModelModules = {
  modules: [
    ...['q', 'k', 'v', 'o'].map((name) => `encoder.block.*.layer.*.SelfAttention.${name}`),
    ...['q', 'k', 'v', 'o'].map((name) => `decoder.block.*.layer.*.EncDecAttention.${name}`),
  ].map((name) => ({ name, layers: 3, out: 128, inputs: 128 })),
  defaults: {
    lora: ['q', 'v'].map((name) => `encoder.block.*.layer.*.SelfAttention.${name}`),
    fullRank: ['q', 'v'].map((name) => `decoder.block.*.layer.*.EncDecAttention.${name}`),
  },
};

/** An invented plan. */
export const scriptedPlan: AskForPlan = (_, onAnswer) => {
  const parts = Object.fromEntries(PARTS.map((part) => [part, PLANNED[part] ?? 0])) as Parts;
  const total = totalOf(parts);
  const plan = {
    total,
    moment: 'training' as const,
    parts,
    moments: { training: total, testing: 1240 * MIB },
    checkpoint: 236 * MIB,
  };
  const planned = { type: 'planned' as const, plan, effort: EFFORT, config: null, modules: MODULES };
  const timer = setTimeout(() => onAnswer(planned), 50);
  return () => clearTimeout(timer);
};
