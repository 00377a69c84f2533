import { importance } from '../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { COUNT, NOT_NEGATIVE, number, SHARE } from './parts/setting.ts';

/**
 * Online elastic weight consolidation on one adapter pair, eq. (30): λ/2 Σ F ∘ (θ − θ*)² in the loss from the second
 * task on. θ* is the pair at the end of the previous task. After each task F ← γ F + F_t, where F_t is the mean over
 * single examples of (∂ log p(label | prompt) / ∂θ)², computed at the end of the task without dropout. F_t is divided
 * by its own mean over all numbers of the pair, so that one range of λ fits all models.
 *
 * The penalty acts on the entries of A and B, not on ΔW, and so depends on how ΔW is factored.
 *
 * Other implementations differ: some square the mean gradient of a batch, which shrinks F by about the batch size, or
 * sum the gradients of training steps; some weight the examples by their probabilities or omit the ½. Their λ is not
 * comparable.
 */
export const ewc = defineMethod({
  name: 'ewc',
  menu: 'LoRA methods',
  summary:
    'Online EWC: trains one adapter on every task in turn, with a penalty on changing each number in proportion to ' +
    'its importance for earlier tasks.',
  citation:
    'Kirkpatrick et al.: Overcoming catastrophic forgetting in neural networks. PNAS 2017, arXiv 1612.00796; online ' +
    'form: Schwarz et al.: Progress & Compress. ICML 2018, arXiv 1805.06370.',
  settings: {
    ...ADAPTER_SETTINGS,
    ewcLambda: number({
      section: 'This method',
      label: 'Strength λ',
      help: 'Weight of the penalty. Importances have mean 1 in each task.',
      range: NOT_NEGATIVE,
      initial: 100,
    }),
    ewcDecay: number({
      section: 'This method',
      label: 'Memory γ',
      help: 'Factor on the importances of earlier tasks when a task is added.',
      range: SHARE,
      initial: 1,
    }),
    ewcExamples: number({
      section: 'This method',
      label: 'Examples for importances',
      help: 'Examples of each task used to compute importances after training; all if it has fewer.',
      range: COUNT,
      initial: 256,
    }),
  },
  plan: (values) =>
    inTurn(
      adapters('one', values),
      importance({ weight: values.ewcLambda, decay: values.ewcDecay, examples: values.ewcExamples }),
    ),
});
