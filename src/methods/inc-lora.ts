import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn, LORA_PAPER } from './parts/method.ts';

/** Trains a new adapter pair per task with plain Adam; earlier pairs stay active but frozen. */
export const incLora = defineMethod({
  name: 'inc-lora',
  menu: 'LoRA methods',
  summary: 'Trains a new adapter per task with unchanged gradients, and freezes the earlier ones.',
  citation: LORA_PAPER,
  settings: ADAPTER_SETTINGS,
  plan: (values) => inTurn(adapters('per-task', values)),
});
