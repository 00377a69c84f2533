import { distillation } from '../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { choice, NOT_NEGATIVE, number } from './parts/setting.ts';

/**
 * One adapter pair, with λ KL(base ‖ trained) in the loss of every task: eq. (29) with the model without adapters as the
 * teacher and τ = 1, over the whole vocabulary and the label tokens of the task's own examples. Nothing is stored, and
 * each step takes one more forward pass.
 *
 * With `klOver: 'others'`, both distributions leave out the right token and share its probability among the others, so that
 * only what the data does not teach is held.
 */
export const klLora = defineMethod({
  name: 'kl-lora',
  menu: 'LoRA methods',
  summary:
    'Trains the same adapter on every task in turn, with a penalty on answering the task’s prompts differently than the ' +
    'base model.',
  citation: null,
  settings: {
    ...ADAPTER_SETTINGS,
    klWeight: number({
      section: 'This method',
      label: 'Strength λ',
      help: 'Weight of KL(base ‖ trained) in the loss.',
      range: NOT_NEGATIVE,
      initial: 1,
    }),
    klOver: choice({
      section: 'This method',
      label: 'Compares',
      help: 'Which tokens of the vocabulary the divergence is taken over.',
      initial: 'others',
      options: [
        { value: 'others', label: 'all tokens but the right one' },
        { value: 'all', label: 'all tokens' },
      ],
    }),
  },
  plan: (values) =>
    inTurn(
      adapters('one', values),
      distillation({
        weight: values.klWeight,
        temperature: 1,
        teacher: 'base',
        omitsRight: values.klOver === 'others',
      }),
    ),
});
