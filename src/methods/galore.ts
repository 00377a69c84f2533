import { projected, PROJECTED_SETTINGS } from './parts/full-rank.ts';
import { defineMethod, inTurn } from './parts/method.ts';

/** Trains the target modules task after task with gradients projected to low rank; no shared space. */
export const galore = defineMethod({
  name: 'galore',
  menu: 'Full-rank methods',
  summary:
    'GaLore: trains the full-rank weights on every task in turn through a low-rank projection of the gradient, with ' +
    'no protection against forgetting.',
  citation:
    'Zhao, Zhang, Chen, Wang, Anandkumar, Tian: GaLore: Memory-Efficient LLM Training by Gradient Low-Rank ' +
    'Projection. ICML 2024, arXiv 2403.03507.',
  settings: PROJECTED_SETTINGS,
  plan: (values) => inTurn(projected(values)),
});
