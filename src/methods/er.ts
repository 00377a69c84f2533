import type { FinishedTask, MethodState } from '../gorp/method-plan.ts';
import { balancedIndexes } from '../tasks/sample.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { number, PART, SHARE } from './parts/setting.ts';

/** Fewest examples remembered of each label, if a task has that many. */
const LEAST = 2;

/**
 * Experience replay on one adapter pair. Examples of earlier tasks replace a share ρ of every batch, so that the number
 * of steps and examples is the same as with other methods. Other implementations add an equally large batch of old
 * examples instead.
 *
 * The memory holds a part of each task, balanced over labels. Texts of earlier tasks are thus saved with each round.
 */
export const er = defineMethod({
  name: 'er',
  menu: 'Methods that use old data',
  summary:
    'Experience replay: trains one adapter on every task in turn and mixes stored examples of earlier tasks into ' +
    'every batch.',
  citation:
    'Rolnick, Ahuja, Schwarz, Lillicrap, Wayne: Experience Replay for Continual Learning. NeurIPS 2019, arXiv 1811.11682.',
  needs: { oldData: true },
  settings: {
    ...ADAPTER_SETTINGS,
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
  },
  plan: (values) => ({
    ...NOTHING,
    adapters: adapters('one', values),
    replay: { share: values.replayShare },
    endTask: (finished) => remembering(finished, values.replayMemory),
  }),
});

/** The memory, extended by a part of the finished task. */
function remembering({ task, examples, state, random }: FinishedTask, part: number): MethodState {
  const labels = examples.map(({ label }) => label.join(' '));
  const size = Math.max(Math.round(part * examples.length), LEAST * new Set(labels).size);
  const chosen = balancedIndexes(labels, size, (label) => random(`er, label ${label}`));
  const remembered = chosen.map((index) => ({ task, ...examples[index] }));
  return { tensors: state.tensors, examples: [...state.examples, ...remembered] };
}
