import { replay as replayPart, type ReplayPlan } from '../../gorp/part/method-plan.ts';
import { number, PART, SHARE, type ValuesOf } from './setting.ts';

/** Settings of experience replay. */
export const REPLAY_SETTINGS = {
  replayShare: number({
    section: 'This method',
    label: 'Replayed share ρ',
    help: 'Share of every batch drawn from earlier tasks, from the second task on.',
    range: PART,
    initial: 0.25,
  }),
  replayMemory: number({
    section: 'This method',
    label: 'Stored share',
    help: 'Share of each task’s training examples to store; at least two of each label.',
    range: SHARE,
    initial: 0.1,
  }),
};

/** The experience replay that the settings describe. */
export const replay = ({ replayShare, replayMemory }: ValuesOf<typeof REPLAY_SETTINGS>): ReplayPlan =>
  replayPart({ share: replayShare, memory: replayMemory });
