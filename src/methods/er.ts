import type { FinishedTask, MethodState } from '../gorp/method-plan.ts';
import { balancedIndexes } from '../tasks/sample.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { number, PART, SHARE } from './parts/setting.ts';

/** Examples of each label that are remembered at least, where a task has as many. */
const LEAST = 2;

/**
 * Experience replay on one adapter pair. A share ρ of every batch is replaced by examples of earlier tasks, so that steps
 * and examples seen are those of every other method; others add an equally large batch of old examples instead.
 *
 * Of each task a part is remembered, balanced over labels: texts of earlier tasks stay with the model and its rounds.
 */
export const er = defineMethod({
  name: 'er',
  menu: 'Methods that use old data',
  summary:
    'Experience replay: trains one adapter on every task in turn and puts remembered examples of earlier tasks into ' +
    'every batch.',
  citation:
    'Rolnick, Ahuja, Schwarz, Lillicrap, Wayne: Experience Replay for Continual Learning. NeurIPS 2019, arXiv 1811.11682.',
  needs: { oldData: true },
  settings: {
    ...ADAPTER_SETTINGS,
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
  },
  plan: (values) => ({
    ...NOTHING,
    adapters: adapters('one', values),
    replay: { share: values.replayShare },
    endTask: (finished) => remembering(finished, values.replayMemory),
  }),
});

/** The memory with a part of the finished task. */
function remembering({ task, examples, state, random }: FinishedTask, part: number): MethodState {
  const labels = examples.map(({ label }) => label.join(' '));
  const size = Math.max(Math.round(part * examples.length), LEAST * new Set(labels).size);
  const chosen = balancedIndexes(labels, size, (label) => random(`er, label ${label}`));
  const remembered = chosen.map((index) => ({ task, ...examples[index] }));
  return { tensors: state.tensors, examples: [...state.examples, ...remembered] };
}
