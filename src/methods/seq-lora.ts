import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn, LORA_PAPER } from './parts/method.ts';

/** One adapter pair, trained on every task in turn with plain Adam. */
export const seqLora = defineMethod({
  name: 'seq-lora',
  menu: 'LoRA methods',
  leads: true,
  summary: 'Trains the same adapter on every task in turn, with no protection against forgetting.',
  citation: LORA_PAPER,
  settings: ADAPTER_SETTINGS,
  plan: (values) => inTurn(adapters('one', values)),
});
