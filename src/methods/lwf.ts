import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { NOT_NEGATIVE, number, POSITIVE } from './parts/setting.ts';

/**
 * Learning without forgetting: a new pair per task with α τ² KL(before ‖ now) in the loss, from the second task on, over
 * the vocabulary and the label tokens of the new task’s examples. The model before the task is the same one with the new
 * pair off, so nothing is kept of earlier tasks; a step takes a forward pass more.
 *
 * Code of others differs: some swap the two distributions, leave τ² out, average over prompt and padding too, or index
 * cached teacher scores by step though examples are shuffled. α 0.5, τ 2 and α 1, τ 2 without τ² are found as values.
 *
 * What the model said before of new prompts tells little of old labels: expect little of it.
 */
export const lwf = defineMethod({
  name: 'lwf',
  menu: 'LoRA methods',
  summary:
    'LwF: trains a new adapter per task, with a penalty on answering the new task’s prompts otherwise than before ' +
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
      help: 'Scores are divided by it before they are compared: higher counts unlikely answers more.',
      range: POSITIVE,
      initial: 2,
    }),
  },
  plan: (values) => ({
    ...NOTHING,
    adapters: adapters('per-task', values),
    loss: [{ kind: 'distillation', weight: values.distillation, temperature: values.temperature }],
  }),
});
