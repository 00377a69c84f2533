import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { projected, PROJECTED_SETTINGS } from './parts/full-rank.ts';
import { defineMethod, GORP_PAPER, inTurn } from './parts/method.ts';

/** Ablation: a new adapter pair per task and projected full-rank weights; no shared space. */
export const gorpBl = defineMethod({
  name: 'gorp-bl',
  menu: 'Parts of GORP',
  summary:
    'GORP without its shared space: trains a new adapter per task together with full-rank weights through a ' +
    'low-rank projection, with no memory of earlier gradients.',
  citation: GORP_PAPER,
  settings: { ...ADAPTER_SETTINGS, ...PROJECTED_SETTINGS },
  plan: (values) => inTurn(adapters('per-task', values), projected(values)),
});
