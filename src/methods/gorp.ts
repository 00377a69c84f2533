import { GORP_SETTINGS, gorpPlan } from './parts/full-rank.ts';
import { defineMethod, GORP_PAPER } from './parts/method.ts';
import { SPACE_RULE } from './parts/space.ts';

/** A new adapter pair per task and projected full-rank weights; gradients of A and W are projected out of the space. */
export const gorp = defineMethod({
  name: 'gorp',
  menu: 'GORP',
  summary:
    'GORP as published: trains a new adapter per task together with full-rank weights through a low-rank ' +
    'projection, and keeps the gradients of both out of the main gradient directions of earlier tasks; on the embedded ' +
    'models it forgets less than plain fine-tuning, and far more than gorp-plus.',
  citation: GORP_PAPER,
  settings: GORP_SETTINGS,
  rules: [SPACE_RULE],
  plan: gorpPlan,
});
