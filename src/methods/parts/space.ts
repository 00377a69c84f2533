import {
  type HardInputSpacePlan,
  inputSpace,
  type InputSpacePlan,
  momentSpace,
  type SpacePlan,
} from '../../gorp/part/method-plan.ts';
import type { Rule } from './method.ts';
import { choice, NOT_NEGATIVE, number, type OtherSettings, SHARE, type ValuesOf } from './setting.ts';

const ofInputs = ({ spaceSource }: OtherSettings): boolean => spaceSource === 'activation';

/** Settings of the shared space of GORP on adapters, as published. */
export const SPACE_SETTINGS = {
  threshold: number({
    section: 'Shared space',
    label: 'Energy threshold',
    help: 'Share of each tensor’s energy that the space must hold after a task.',
    range: SHARE,
    initial: 0.9,
    applies: ({ spaceSource, softness }) => !(spaceSource === 'activation' && Number(softness) > 0),
  }),
  softness: number({
    section: 'Shared space',
    label: 'Softness',
    help: 'Energy (average = 1) at which a direction is suppressed by half; 0 uses the threshold.',
    range: NOT_NEGATIVE,
    initial: 0,
    before: 0,
    applies: ofInputs,
  }),
  energies: choice({
    section: 'Shared space',
    label: 'Energies of tasks',
    help: 'Their sum fills the space; with their mean, what few tasks use is suppressed less.',
    initial: 'sum',
    before: 'sum',
    applies: ({ spaceSource, softness }) => spaceSource === 'activation' && Number(softness) > 0,
    options: [
      { value: 'sum', label: 'summed' },
      { value: 'mean', label: 'averaged' },
    ],
  }),
  spaceSource: choice({
    section: 'Shared space',
    label: 'Built from',
    help: 'Source of the main directions.',
    initial: 'moment',
    options: [
      { value: 'moment', label: 'Adam’s first moment, as published' },
      { value: 'activation', label: 'the layers’ inputs, as in GPM' },
    ],
  }),
  taskRates: choice({
    section: 'Shared space',
    label: 'Learning rates',
    help: 'A space of inputs makes steps less effective; higher rates compensate.',
    initial: 'constant',
    before: 'constant',
    applies: ofInputs,
    options: [
      { value: 'constant', label: 'the same in every task' },
      { value: 'compensated', label: 'higher where less lies outside the space' },
    ],
  }),
  protects: choice({
    section: 'Shared space',
    label: 'Protects',
    help: 'What the model could do before can be protected like an earlier task, by prompts that are not learned.',
    initial: 'earlier',
    before: 'earlier',
    applies: ofInputs,
    options: [
      { value: 'earlier', label: 'earlier tasks' },
      { value: 'general', label: 'general prompts too' },
      { value: 'watched', label: 'general prompts and tasks only tested too' },
    ],
  }),
  loraSpace: choice({
    section: 'Shared space',
    label: 'Side of A',
    help: 'Which side the space acts on.',
    initial: 'rank',
    options: [
      { value: 'rank', label: 'rank side, as published' },
      { value: 'input', label: 'input side, as in GPM' },
    ],
  }),
  project: choice({
    section: 'Shared space',
    label: 'Projected',
    help: 'Adam puts part of updates back into the space.',
    initial: 'gradient',
    options: [
      { value: 'gradient', label: 'the gradient, as published' },
      { value: 'update', label: 'the update too' },
    ],
  }),
};

/** A space of inputs must act on the input side of A. */
export const SPACE_RULE: Rule<typeof SPACE_SETTINGS> = {
  holds: ({ spaceSource, loraSpace }) => spaceSource === 'moment' || loraSpace === 'input',
  at: 'loraSpace',
  message: 'A space of the layers’ inputs acts on the input side of A: choose the input side, or the first moment.',
};

/** The space that the settings describe. */
export function space(values: ValuesOf<typeof SPACE_SETTINGS>): SpacePlan {
  const { spaceSource, loraSpace, project, threshold, softness, energies } = values;
  if (spaceSource === 'moment') return momentSpace({ loraSpace, project, threshold });
  const { taskRates, protects } = values;
  return softness > 0
    ? inputSpace({ form: 'soft', softness, energies, project, taskRates, protects })
    : hardInputSpace(threshold, { project, taskRates, protects });
}

/** A space of inputs cut at a threshold, on the input side of all trained weights. */
export const hardInputSpace = (
  threshold: number,
  more: Partial<Omit<HardInputSpacePlan, 'part' | 'needs' | 'form' | 'threshold'>> = {},
): InputSpacePlan =>
  inputSpace({
    form: 'hard',
    threshold,
    rises: false,
    energyOf: 'inputs',
    project: 'update',
    taskRates: 'constant',
    protects: 'earlier',
    ...more,
  });
