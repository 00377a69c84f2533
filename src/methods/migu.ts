import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { number, PART } from './parts/setting.ts';

/**
 * MIGU on one adapter pair: from the second task on a step trains only the rows of A and B whose outputs are large in it,
 * those of Σ_tokens |output| above the quantile τ of their matrix. Outputs of A for A, of the layer for B.
 *
 * The released scripts for LoRA do not run: they import a function that the repository lacks, and their masking answers to
 * another name. Only full training can be read there: unnormalised sums, padding included, the gradient masked alone. Under
 * Adam a masked row still moves by its momentum, so the update is masked as well here, and padding is left out.
 */
export const migu = defineMethod({
  name: 'migu',
  menu: 'LoRA methods',
  summary:
    'MIGU: trains one adapter on every task in turn, and from the second on only those rows whose outputs are large ' +
    'in the step at hand.',
  citation:
    'Du, Cheng, Luo, Qiu, Huang, Cheung, Cheng, Fu: Unlocking Continual Learning Abilities in Language Models. ' +
    'Findings of EMNLP 2024, arXiv 2406.17245.',
  settings: {
    ...ADAPTER_SETTINGS,
    frozenShare: number({
      section: 'This method',
      label: 'Masked share τ',
      help: 'Share of the rows of each matrix that a step leaves alone, those of the smallest outputs.',
      range: PART,
      initial: 0.7,
    }),
  },
  plan: (values) => ({ ...NOTHING, adapters: adapters('one', values), rowMask: { share: values.frozenShare } }),
});
