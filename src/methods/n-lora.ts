import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { NOT_NEGATIVE, number } from './parts/setting.ts';

/**
 * `inc-lora` with λ Σ |B A| of the new pair in the loss. The weight is this project's choice: 1e-4 makes the term
 * comparable to the loss at the sizes of T5 trained here.
 */
export const nLora = defineMethod({
  name: 'n-lora',
  menu: 'LoRA methods',
  summary:
    'N-LoRA: trains a new adapter per task, with a penalty that keeps its weight change sparse, so that tasks ' +
    'seldom change the same weights.',
  citation:
    'Yang, Ning, Liu, Jiang et al.: Is Parameter Collision Hindering Continual Learning in LLMs? COLING 2025, ' +
    'arXiv 2410.10179.',
  settings: {
    ...ADAPTER_SETTINGS,
    sparsityPenalty: number({
      section: 'This method',
      label: 'Sparsity penalty',
      help: 'N-LoRA: weight of Σ|B A| in the loss.',
      range: NOT_NEGATIVE,
      initial: 1e-4,
    }),
  },
  plan: (values) => ({
    ...NOTHING,
    adapters: adapters('per-task', values),
    loss: [{ kind: 'sparse', weight: values.sparsityPenalty }],
  }),
});
