import { embeddedSettings } from '../../run/presets.ts';
import type { OpenExports } from '../results/kept-rounds.ts';

/** Two rounds that are kept, of which the last can be gone on from. */
export const scriptedExports: OpenExports = (onEvent) => ({
  send: () =>
    onEvent({
      type: 'kept',
      rounds: [
        { name: '1-gloss', bytes: 91_000, hasWeights: false },
        { name: '2-field', bytes: 3_400_000, hasWeights: true },
      ],
      broken: [],
      last: { round: 2, settings: embeddedSettings('full', 'gorp-plus') },
    }),
});
