import { replay as replayPart, type ReplayPlan } from '../../gorp/part/method-plan.ts';
import { choice, number, PART, SHARE, type ValuesOf } from './setting.ts';

/** Settings of experience replay. */
export const REPLAY_SETTINGS = {
  replaySource: choice({
    section: 'This method',
    label: 'Replayed',
    help: 'General prompts come with this program, and the base model answers them before the first task: nothing of your data is stored. Own answers are written after each task, to some of its prompts: those are yours and stay in the saved model, without your answers.',
    initial: 'examples',
    before: 'examples',
    options: [
      { value: 'examples', label: 'stored examples' },
      { value: 'general', label: 'general prompts, as the base model answers' },
      { value: 'self', label: 'your prompts, as the model answers' },
    ],
  }),
  replayShare: number({
    section: 'This method',
    label: 'Replayed share ρ',
    help: 'Share of every batch that is replayed: from the second task on, or from the first with general prompts.',
    range: PART,
    initial: 0.25,
  }),
  replayMemory: number({
    section: 'This method',
    label: 'Stored share',
    help: 'Share of each task’s training examples, or of its prompts, to store; at least two of each label. Of a conversation, only a prompt that holds no earlier answer.',
    range: SHARE,
    initial: 0.1,
    applies: ({ replaySource }) => replaySource !== 'general',
  }),
};

type ReplayValues = ValuesOf<typeof REPLAY_SETTINGS>;

/** Names what a method replays, if that is no stored data. */
export const replayVariant = ({ replaySource }: ReplayValues): string =>
  ({ examples: '', general: 'on general prompts', self: 'on its own answers' })[replaySource];

/** The experience replay that the settings describe. */
export const replay = ({ replaySource, replayShare, replayMemory }: ReplayValues): ReplayPlan =>
  replayPart({ source: replaySource, share: replayShare, memory: replayMemory });
