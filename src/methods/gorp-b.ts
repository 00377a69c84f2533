import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { GORP_PAPER } from './parts/citations.ts';
import { defineMethod, NOTHING } from './parts/method.ts';

/** Ablation: a new adapter pair per task only; gradients are left as they are, so it equals `inc-lora`. */
export const gorpB = defineMethod({
  name: 'gorp-b',
  menu: 'Parts of GORP',
  summary: 'GORP’s base alone: trains a new adapter per task and leaves gradients as they are.',
  citation: GORP_PAPER,
  settings: ADAPTER_SETTINGS,
  plan: (values) => ({ ...NOTHING, adapters: adapters('per-task', values) }),
});
