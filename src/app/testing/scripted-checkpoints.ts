import { embeddedSettings } from '../../run/presets.ts';
import type { KeptCheckpoint } from '../../worker/protocol.ts';
import type { AskForCheckpoints } from '../checkpoints/ask.ts';

/** In the scene `interrupted`, a run interrupted in its second task, until it is removed. */
export function scriptedCheckpoints(scene: string): AskForCheckpoints {
  let kept: KeptCheckpoint | null =
    scene === 'interrupted'
      ? {
          folder: 'f',
          savedAt: Date.parse('2026-11-24T16:05:00Z'),
          bytes: 24.5 * 2 ** 20,
          id: undefined,
          settings: embeddedSettings('full', 'gorp-plus'),
          round: 2,
          step: 124,
        }
      : null;
  return ({ type }) => {
    if (type === 'drop') kept = null;
    return Promise.resolve(kept);
  };
}
