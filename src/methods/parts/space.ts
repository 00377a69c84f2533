import type { SpacePlan } from '../../gorp/method-plan.ts';
import type { Rule } from './method.ts';
import { choice, NOT_NEGATIVE, number, type OtherSettings, SHARE, type ValuesOf } from './setting.ts';

const ofMoments = ({ spaceSource }: OtherSettings): boolean => spaceSource === 'moment';
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
    help: 'Energy, in averages of all directions, at which one is kept out by half; 0 cuts at a threshold.',
    range: NOT_NEGATIVE,
    initial: 0,
    before: 0,
    applies: ofInputs,
  }),
  spaceSource: choice({
    section: 'Shared space',
    label: 'Built from',
    help: 'What the main directions are taken from.',
    initial: 'moment',
    options: [
      { value: 'moment', label: 'Adam’s first moment, as published' },
      { value: 'activation', label: 'the layers’ inputs, as GPM' },
    ],
  }),
  taskRates: choice({
    section: 'Shared space',
    label: 'Learning rates',
    help: 'A space of inputs leaves a step less effect; higher rates make up for it.',
    initial: 'constant',
    before: 'constant',
    applies: ofInputs,
    options: [
      { value: 'constant', label: 'the same in every task' },
      { value: 'compensated', label: 'higher, the less lies outside the space' },
    ],
  }),
  loraSpace: choice({
    section: 'Shared space',
    label: 'Side of A',
    help: 'Side of A on which the space acts.',
    initial: 'rank',
    options: [
      { value: 'rank', label: 'rank side, as published' },
      { value: 'input', label: 'input side, as GPM' },
    ],
  }),
  spaceRule: choice({
    section: 'Shared space',
    label: 'Rule for new directions',
    help: 'How many each task adds.',
    initial: 'paper',
    applies: ofMoments,
    options: [
      { value: 'paper', label: 'as in the paper' },
      { value: 'official', label: 'as in the released code' },
    ],
  }),
  project: choice({
    section: 'Shared space',
    label: 'Kept out of the space',
    help: 'Adam lets part of the update back in.',
    initial: 'gradient',
    options: [
      { value: 'gradient', label: 'the gradient, as published' },
      { value: 'update', label: 'the update too' },
    ],
  }),
};

/** The setting that a space has besides, where full-rank weights are kept out of it as well. */
export const WEIGHT_SPACE_SETTINGS = {
  spaceSide: choice({
    section: 'Shared space',
    label: 'Side of W',
    help: 'Side of a full-rank gradient on which it acts.',
    initial: 'kept',
    applies: ofMoments,
    options: [
      { value: 'kept', label: 'the side kept whole' },
      { value: 'left', label: 'always left, as released' },
    ],
  }),
};

/** What settings of a space on adapters have to agree on. */
export const SPACE_RULE: Rule<typeof SPACE_SETTINGS> = {
  holds: ({ spaceSource, loraSpace }) => spaceSource === 'moment' || loraSpace === 'input',
  at: 'loraSpace',
  message: 'A space of the layers’ inputs acts on the input side of A: choose the input side, or the first moment.',
};

/** The space that the settings describe. */
export const space = (
  values: ValuesOf<typeof SPACE_SETTINGS> & Partial<ValuesOf<typeof WEIGHT_SPACE_SETTINGS>>,
): SpacePlan => ({
  source: values.spaceSource,
  adapterSide: values.loraSpace,
  weightSide: values.spaceSide ?? 'kept',
  rule: values.spaceRule,
  keepsOut: values.project,
  threshold: values.threshold,
  rises: false,
  energyOf: 'inputs',
  softness: values.softness,
  rates: values.spaceSource === 'activation' ? values.taskRates : 'constant',
});

/** A space of inputs that is cut at a threshold, on the input side of whatever is trained. */
export const hardInputSpace = (
  threshold: number,
  more: Partial<Pick<SpacePlan, 'rises' | 'energyOf'>> = {},
): SpacePlan => ({
  source: 'activation',
  adapterSide: 'input',
  weightSide: 'kept',
  rule: 'paper',
  keepsOut: 'update',
  threshold,
  rises: false,
  energyOf: 'inputs',
  softness: 0,
  rates: 'constant',
  ...more,
});
