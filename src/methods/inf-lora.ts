import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { choice, starting } from './parts/setting.ts';
import { hardInputSpace, SPACE_SETTINGS } from './parts/space.ts';

/**
 * InfLoRA: a new pair per task whose A is made from the task's inputs outside the space of earlier ones, over √3, and stays
 * as it is; B alone is trained. At equal rank it trains half the numbers of the others: compare it at twice the rank too.
 *
 * The space grows by a threshold that rises from ε to 1 over the order: εₜ = ε + (1 − ε)(t − 1)/T, so T must be known. The
 * released code takes energies of the covariance, σ⁴ of the inputs, so that its 0.95 is far looser than the 0.95 of GPM;
 * `energyOf` says which. It takes one direction too few in the first task; here it is the exact number. DualGPM's switch to
 * the complement of a space beyond half of all directions saves memory and holds the same space; it is left out.
 */
export const infLora = defineMethod({
  name: 'inf-lora',
  menu: 'LoRA methods',
  summary:
    'InfLoRA: trains the B of a new adapter per task, whose A is made from the task’s inputs outside the input ' +
    'directions of earlier tasks and stays as it is.',
  citation:
    'Liang, Li: InfLoRA: Interference-Free Low-Rank Adaptation for Continual Learning. CVPR 2024, arXiv 2404.00228.',
  needs: { taskCount: true },
  settings: {
    ...ADAPTER_SETTINGS,
    threshold: starting({ threshold: SPACE_SETTINGS.threshold }, { threshold: 0.95 }).threshold,
    energyOf: choice({
      section: 'Shared space',
      label: 'Energy of',
      help: 'InfLoRA: what the threshold acts on.',
      initial: 'covariances',
      options: [
        { value: 'covariances', label: 'covariances (σ⁴), as in the released code' },
        { value: 'inputs', label: 'inputs (σ²), as GPM' },
      ],
    }),
  },
  plan: (values) => ({
    ...NOTHING,
    adapters: adapters('per-task', values, 'inputs'),
    space: hardInputSpace(values.threshold, { rises: true, energyOf: values.energyOf }),
  }),
});
