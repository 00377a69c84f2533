import { GORP_SETTINGS, gorpPlan } from './parts/gorp-settings.ts';
import { defineMethod } from './parts/method.ts';
import { starting } from './parts/setting.ts';
import { SPACE_RULE } from './parts/space.ts';

/**
 * This project's own form: a new adapter pair per task and projected full-rank weights, with gradients, updates and the
 * fresh A kept out of the inputs of earlier tasks.
 */
export const gorpPlus = defineMethod({
  name: 'gorp-plus',
  menu: 'GORP',
  leads: true,
  summary:
    'GORP in this project’s own form: where the published form keeps gradients out of the main gradient directions ' +
    'of earlier tasks, it keeps every update out of the input directions of earlier tasks, by as much as these used ' +
    'them, for adapters and full-rank weights alike.',
  citation: null,
  settings: starting(GORP_SETTINGS, {
    loraSpace: 'input',
    spaceSource: 'activation',
    project: 'update',
    threshold: 0.97,
    softness: 0.0625,
    taskRates: 'compensated',
    // The space leaves less to learn with; higher ranks give that back.
    loraRank: 16,
    loraAlpha: 64,
    galoreRank: 16,
  }),
  rules: [SPACE_RULE],
  plan: gorpPlan,
});
