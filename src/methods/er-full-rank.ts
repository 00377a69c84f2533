import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { projected, PROJECTED_SETTINGS } from './parts/full-rank.ts';
import { defineMethod, inTurn, REPLAY_PAPER } from './parts/method.ts';
import { replay, REPLAY_SETTINGS, replayVariant } from './parts/replay.ts';

/**
 * Experience replay on an adapter pair and projected full-rank weights: what `mtl` trains, in the layers that `gorp` trains.
 * Beside methods with a full-rank part, replay does not lose for training less.
 */
export const erFullRank = defineMethod({
  name: 'er-full-rank',
  menu: 'Methods that use old data',
  summary:
    'Experience replay with full-rank weights: trains one adapter and, through a low-rank projection, the full-rank ' +
    'weights on every task in turn, and puts remembered examples, or prompts that the model has ' +
    'answered itself, into every batch.',
  citation: REPLAY_PAPER,
  settings: { ...ADAPTER_SETTINGS, ...PROJECTED_SETTINGS, ...REPLAY_SETTINGS },
  variant: replayVariant,
  plan: (values) => inTurn(adapters('one', values), projected(values), replay(values)),
});
