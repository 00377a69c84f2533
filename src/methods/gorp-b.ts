import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, GORP_PAPER, inTurn } from './parts/method.ts';

/** Ablation: only a new adapter pair per task, with unchanged gradients, so it equals `inc-lora`. */
export const gorpB = defineMethod({
  name: 'gorp-b',
  menu: 'Parts of GORP',
  summary: 'Only the base of GORP: trains a new adapter per task with unchanged gradients.',
  citation: GORP_PAPER,
  settings: ADAPTER_SETTINGS,
  plan: (values) => inTurn(adapters('per-task', values)),
});
