import { embeddedSettings } from '../../run/presets.ts';
import type { OpenExports } from '../results/kept-rounds.ts';

/** Two stored rounds; the last can be resumed. */
export const scriptedExports: OpenExports = (onEvent) => ({
  send: () =>
    onEvent({
      type: 'kept',
      rounds: [
        { name: '1-gloss', bytes: 91_000, hasWeights: false },
        { name: '2-field', bytes: 3_400_000, hasWeights: true },
      ],
      broken: [],
      last: {
        round: 2,
        settings: embeddedSettings('full', 'gorp-plus'),
        use: {
          folder: 'logs_and_outputs/order_custom/outputs/2-field',
          model: 'embedded',
          commit: null,
          isDecoderOnly: false,
          hasAdapter: true,
          hasWeights: true,
          promptForm: 'raw',
          maxNewTokens: 4,
          example: {
            prompt:
              'Task:TC\nDataset:field\nWhat is the field of the following word? Choose one from the option.\nOption: music, law \na song for one voice\nAnswer:',
            answer: 'music',
          },
        },
      },
    }),
});
