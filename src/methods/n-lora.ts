import { penalties } from '../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { choice, NOT_NEGATIVE, number } from './parts/setting.ts';

/**
 * `inc-lora` with λ Σ |B A| of the new pair in the loss. The weight is this project's choice: 1e-4 makes the term
 * comparable to the loss at the sizes of T5 trained here.
 *
 * The released code sums |A B| instead, an r × r matrix that exists only if a layer has as many inputs as outputs and
 * that says little about the change B A. It sets the weight per order (0.4 in orders 1-3, 0.4 to 1.8 in the others) and
 * trains T5 for 10 epochs per task. `released` selects that term.
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
      help: 'Weight of Σ|B A|, or as released Σ|A B|, in the loss.',
      range: NOT_NEGATIVE,
      initial: 1e-4,
    }),
    sparsityForm: choice({
      section: 'This method',
      label: 'What is sparse',
      help: 'The weight change, or the product in the released code.',
      initial: 'paper',
      before: 'paper',
      options: [
        { value: 'paper', label: 'B A, as in the paper' },
        { value: 'released', label: 'A B, as in the released code' },
      ],
    }),
  },
  plan: (values) =>
    inTurn(
      adapters('per-task', values),
      penalties({ kind: values.sparsityForm === 'paper' ? 'sparse' : 'crossed', weight: values.sparsityPenalty }),
    ),
});
