import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { LORA_PAPER } from './parts/citations.ts';
import { defineMethod, NOTHING } from './parts/method.ts';

/** A new adapter pair per task with plain Adam; the earlier pairs stay active and frozen. */
export const incLora = defineMethod({
  name: 'inc-lora',
  menu: 'LoRA methods',
  summary: 'Trains a new adapter per task, freezes the earlier ones, and leaves gradients as they are.',
  citation: LORA_PAPER,
  settings: ADAPTER_SETTINGS,
  plan: (values) => ({ ...NOTHING, adapters: adapters('per-task', values) }),
});
