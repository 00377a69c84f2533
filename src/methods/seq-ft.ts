import { plain, PLAIN_SETTINGS } from './parts/full-rank.ts';
import { defineMethod, inTurn } from './parts/method.ts';

/** Trains the target modules in full rank with plain Adam, task after task. */
export const seqFt = defineMethod({
  name: 'seq-ft',
  menu: 'Full-rank methods',
  leads: true,
  summary: 'Trains the full-rank weights on every task in turn, with no protection against forgetting.',
  citation: null,
  settings: PLAIN_SETTINGS,
  plan: (values) => inTurn(plain(values)),
});
