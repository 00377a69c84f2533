import { GORP_SETTINGS, gorpPlan } from './parts/full-rank.ts';
import { defineMethod } from './parts/method.ts';
import { starting } from './parts/setting.ts';
import { SPACE_RULE } from './parts/space.ts';

/**
 * This project's own form: a new adapter pair per task and projected full-rank weights. Gradients, updates and the new
 * A are projected out of the inputs of earlier tasks.
 */
export const gorpPlus = defineMethod({
  name: 'gorp-plus',
  menu: 'GORP',
  leads: true,
  summary:
    'GORP in this project’s own form: instead of keeping gradients out of the main gradient directions of earlier ' +
    'tasks, it suppresses updates along the layers’ input directions, more strongly where earlier tasks used them more.',
  citation: null,
  settings: starting(GORP_SETTINGS, {
    loraSpace: 'input',
    spaceSource: 'activation',
    project: 'update',
    threshold: 0.97,
    softness: 0.0625,
    taskRates: 'compensated',
    // The space leaves fewer directions to learn in; higher ranks compensate.
    loraRank: 16,
    loraAlpha: 64,
    galoreRank: 16,
  }),
  rules: [SPACE_RULE],
  plan: gorpPlan,
});
