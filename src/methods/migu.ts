import { rowMask } from '../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { number, PART } from './parts/setting.ts';

/**
 * MIGU on one adapter pair: from the second task on, a step trains only the rows of A and B with large outputs in that
 * step: Σ_tokens |output| above the quantile τ of their matrix, with the outputs of A for A and of the layer for B.
 *
 * The released LoRA scripts do not run: they import a function that the repository lacks, and their masking expects
 * another name. The released full training uses unnormalised sums, includes padding and masks only the gradient. Under
 * Adam a masked row would still move by its momentum, so here the update is masked too, and padding is left out.
 */
export const migu = defineMethod({
  name: 'migu',
  menu: 'LoRA methods',
  summary:
    'MIGU: trains one adapter on every task in turn; from the second task on, only its rows with large outputs in ' +
    'the current step.',
  citation:
    'Du, Cheng, Luo, Qiu, Huang, Cheung, Cheng, Fu: Unlocking Continual Learning Abilities in Language Models. ' +
    'Findings of EMNLP 2024, arXiv 2406.17245.',
  settings: {
    ...ADAPTER_SETTINGS,
    frozenShare: number({
      section: 'This method',
      label: 'Masked share τ',
      help: 'Share of the rows of each matrix, those with the smallest outputs, that a step leaves unchanged.',
      range: PART,
      initial: 0.7,
    }),
  },
  plan: (values) => inTurn(adapters('one', values), rowMask(values.frozenShare)),
});
