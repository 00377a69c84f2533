import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, GORP_PAPER, inTurn } from './parts/method.ts';
import { space, SPACE_RULE, SPACE_SETTINGS } from './parts/space.ts';

/** Ablation: a new adapter pair per task; the gradient of A is projected out of the shared space. */
export const gorpBs = defineMethod({
  name: 'gorp-bs',
  menu: 'Parts of GORP',
  summary:
    'GORP without full-rank weights: trains a new adapter per task and keeps its gradients out of the main ' +
    'gradient directions of earlier tasks.',
  citation: GORP_PAPER,
  settings: { ...ADAPTER_SETTINGS, ...SPACE_SETTINGS },
  rules: [SPACE_RULE],
  plan: (values) => inTurn(space(values), adapters('per-task', values)),
});
