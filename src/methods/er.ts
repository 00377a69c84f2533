import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn, REPLAY_PAPER } from './parts/method.ts';
import { replay, REPLAY_SETTINGS, replayVariant } from './parts/replay.ts';

/** Experience replay on one adapter pair: what `seq-lora` trains. */
export const er = defineMethod({
  name: 'er',
  menu: 'Methods that use old data',
  summary:
    'Experience replay: trains one adapter on every task in turn and puts remembered examples, or ' +
    'prompts that the model has answered itself, into every batch.',
  citation: REPLAY_PAPER,
  settings: { ...ADAPTER_SETTINGS, ...REPLAY_SETTINGS },
  variant: replayVariant,
  plan: (values) => inTurn(adapters('one', values), replay(values)),
});
