import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { choice, starting } from './parts/setting.ts';
import { hardInputSpace, SPACE_SETTINGS } from './parts/space.ts';

/**
 * InfLoRA: a new pair per task. A consists of main directions of the task's inputs outside the space of earlier tasks,
 * divided by √3, and stays fixed; only B is trained. At equal rank it trains half as many numbers as other LoRA
 * methods, so compare it at twice the rank too.
 *
 * The threshold of the space rises from ε towards 1 over the order: εₜ = ε + (1 − ε)(t − 1)/T, so T must be known. The
 * released code applies it to energies of the covariance, σ⁴ of the inputs, so that its 0.95 is far looser than the
 * 0.95 of GPM; `energyOf` selects either. The released code takes one direction too few in the first task; here the
 * number is exact. DualGPM's switch to the complement of a space beyond half of all directions only saves memory and is
 * left out.
 */
export const infLora = defineMethod({
  name: 'inf-lora',
  menu: 'LoRA methods',
  summary:
    'InfLoRA: trains only the B of a new adapter per task; its fixed A is made from the task’s inputs outside the ' +
    'input directions of earlier tasks.',
  citation:
    'Liang, Li: InfLoRA: Interference-Free Low-Rank Adaptation for Continual Learning. CVPR 2024, arXiv 2404.00228.',
  settings: {
    ...ADAPTER_SETTINGS,
    threshold: starting({ threshold: SPACE_SETTINGS.threshold }, { threshold: 0.95 }).threshold,
    energyOf: choice({
      section: 'Shared space',
      label: 'Energy of',
      help: 'What the threshold applies to.',
      initial: 'covariances',
      options: [
        { value: 'covariances', label: 'covariances (σ⁴), as in the released code' },
        { value: 'inputs', label: 'inputs (σ²), as in GPM' },
      ],
    }),
  },
  plan: (values) =>
    inTurn(
      hardInputSpace(values.threshold, { rises: true, energyOf: values.energyOf }),
      adapters('per-task', values, 'inputs'),
    ),
});
