import type { FinishedTask, MethodPlan, MethodState } from '../../gorp/method-plan.ts';
import { balancedIndexes } from '../../tasks/sample.ts';
import { number, PART, SHARE, type ValuesOf } from './setting.ts';

/** Examples of each label that are remembered at least, where a task has as many. */
const LEAST = 2;

/** Settings of experience replay. */
export const REPLAY_SETTINGS = {
  replayShare: number({
    section: 'This method',
    label: 'Replayed share ρ',
    help: 'Share of every batch that earlier tasks have, from the second task on.',
    range: PART,
    initial: 0.25,
  }),
  replayMemory: number({
    section: 'This method',
    label: 'Remembered part',
    help: 'Part of each task’s training examples that is remembered; at least two of each label.',
    range: SHARE,
    initial: 0.1,
  }),
};

/**
 * Experience replay. A share ρ of every batch is replaced by examples of earlier tasks, so that steps and examples seen are
 * those of every other method; others add an equally large batch of old examples instead.
 *
 * Of each task a part is remembered, balanced over labels: texts of earlier tasks stay with the model and its rounds.
 */
export const replay = ({
  replayShare,
  replayMemory,
}: ValuesOf<typeof REPLAY_SETTINGS>): Pick<MethodPlan, 'replay' | 'endTask'> => ({
  replay: { share: replayShare },
  endTask: (finished) => remembering(finished, replayMemory),
});

/** The memory with a part of the finished task. */
function remembering({ task, examples, state, random }: FinishedTask, part: number): MethodState {
  const labels = examples.map(({ label }) => label.join(' '));
  const size = Math.max(Math.round(part * examples.length), LEAST * new Set(labels).size);
  const chosen = balancedIndexes(labels, size, (label) => random(`er, label ${label}`));
  const remembered = chosen.map((index) => ({ task, ...examples[index] }));
  return { tensors: state.tensors, examples: [...state.examples, ...remembered] };
}
