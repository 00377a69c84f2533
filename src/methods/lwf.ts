import { distillation } from '../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { NOT_NEGATIVE, number, POSITIVE } from './parts/setting.ts';

/**
 * Learning without forgetting: a new pair per task with α τ² KL(before ‖ now) in the loss, from the second task on,
 * over the vocabulary and the label tokens of the new task’s examples. The model before the task is the same one with
 * the new pair switched off, so nothing is stored of earlier tasks; each step takes one more forward pass.
 *
 * Other implementations differ: some swap the two distributions, omit τ², average over prompt and padding too, or index
 * cached teacher scores by step although examples are shuffled. Their values are α 0.5, τ 2, or α 1, τ 2 without τ².
 *
 * Earlier answers to new prompts say little about old labels, so expect little of this method.
 */
export const lwf = defineMethod({
  name: 'lwf',
  menu: 'LoRA methods',
  summary:
    'LwF: trains a new adapter per task, with a penalty on answering the new task’s prompts differently than before ' +
    'the task.',
  citation: 'Li, Hoiem: Learning without Forgetting. ECCV 2016, arXiv 1606.09282.',
  settings: {
    ...ADAPTER_SETTINGS,
    distillation: number({
      section: 'This method',
      label: 'Strength α',
      help: 'Weight of τ² KL(before ‖ now) in the loss.',
      range: NOT_NEGATIVE,
      initial: 1,
    }),
    temperature: number({
      section: 'This method',
      label: 'Temperature τ',
      help: 'Divides the scores before they are compared; higher values weight unlikely answers more.',
      range: POSITIVE,
      initial: 2,
    }),
  },
  plan: (values) =>
    inTurn(
      adapters('per-task', values),
      distillation({
        weight: values.distillation,
        temperature: values.temperature,
        teacher: 'before',
        omitsRight: false,
      }),
    ),
});
