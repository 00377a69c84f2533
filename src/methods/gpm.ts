import { plain, PLAIN_SETTINGS } from './parts/full-rank.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { starting } from './parts/setting.ts';
import { hardInputSpace, SPACE_SETTINGS } from './parts/space.ts';

/**
 * Gradient projection memory: projects gradients and updates of full-rank weights out of the space of earlier tasks'
 * inputs, cut at a threshold on the eigenvalues of C = X Xᵀ, that is, on σ² of the inputs.
 *
 * The published method uses plain SGD, where projecting the gradient projects the update. Adam's quotient would let
 * part of it back in, so the update is projected too. The released code raises the threshold from task to task (0.97 +
 * 0.003 t on CIFAR-100) and takes one direction too few in the first task; here the threshold is constant and the
 * number exact.
 */
export const gpm = defineMethod({
  name: 'gpm',
  menu: 'Full-rank methods',
  summary:
    'GPM: trains the full-rank weights on every task in turn and keeps their updates out of the input directions of ' +
    'earlier tasks.',
  citation: 'Saha, Garg, Roy: Gradient Projection Memory for Continual Learning. ICLR 2021, arXiv 2103.09762.',
  settings: {
    ...PLAIN_SETTINGS,
    threshold: starting({ threshold: SPACE_SETTINGS.threshold }, { threshold: 0.97 }).threshold,
  },
  plan: (values) => inTurn(hardInputSpace(values.threshold), plain(values)),
});
