import type { FinishedTask, MethodPlan, MethodState } from '../../gorp/method-plan.ts';
import { balancedIndexes } from '../../tasks/sample.ts';
import { number, PART, SHARE, type ValuesOf } from './setting.ts';

/** Minimum number of examples stored per label, if a task has that many. */
const LEAST = 2;

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

/**
 * Experience replay. Examples of earlier tasks replace a share ρ of every batch, so that the number of steps and examples
 * is the same as with other methods. Other implementations add an equally large batch of old examples instead.
 *
 * The memory holds a part of each task, balanced over labels. Texts of earlier tasks are thus saved with each round.
 */
export const replay = ({
  replayShare,
  replayMemory,
}: ValuesOf<typeof REPLAY_SETTINGS>): Pick<MethodPlan, 'replay' | 'endTask'> => ({
  replay: { share: replayShare },
  endTask: (finished) => remembering(finished, replayMemory),
});

/** The memory, extended by a part of the finished task. */
function remembering({ task, examples, state, random }: FinishedTask, part: number): MethodState {
  const labels = examples.map(({ label }) => label.join(' '));
  const size = Math.max(Math.round(part * examples.length), LEAST * new Set(labels).size);
  const chosen = balancedIndexes(labels, size, (label) => random(`er, label ${label}`));
  const remembered = chosen.map((index) => ({ task, ...examples[index] }));
  return { tensors: state.tensors, examples: [...state.examples, ...remembered] };
}
