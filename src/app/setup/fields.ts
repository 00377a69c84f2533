import { hasSoftSpaces, type MethodSettings } from '../../gorp/method-settings.ts';
import { FROZEN_WEIGHTS } from '../../run/frozen-weights.ts';
import type { RunSettings, TrainingSettings } from '../../run/settings.ts';

/** Keys of T whose values are of type V. */
type KeysOf<T, V> = { [K in keyof T]: T[K] extends V ? K : never }[keyof T];

interface FieldBase {
  /** Dotted path in the settings, as the schema names it. */
  id: string;
  label: string;
  help: string;
  /** Whether the field has any effect with this method. */
  applies: (method: MethodSettings) => boolean;
}

export interface NumberField extends FieldBase {
  kind: 'number';
  integer: boolean;
  /** Allowed values in words: shown when a value is refused. */
  range: string;
  read: (settings: RunSettings) => number;
  write: (settings: RunSettings, value: number) => RunSettings;
}

export interface ChoiceField extends FieldBase {
  kind: 'choice';
  options: readonly { value: string; label: string }[];
  read: (settings: RunSettings) => string;
  write: (settings: RunSettings, value: string) => RunSettings;
}

export type Field = NumberField | ChoiceField;

export interface FieldGroup {
  title: string;
  fields: readonly Field[];
}

const always = (): boolean => true;
const COUNT = 'a whole number, 1 or more';
const COUNT_OR_ALL = 'a whole number, 0 or more';
const POSITIVE = 'a number above 0';
const NOT_NEGATIVE = 'a number, 0 or more';
const SHARE = 'a number above 0, at most 1';

type Shape = Pick<NumberField, 'label' | 'help' | 'range'> & Partial<Pick<NumberField, 'applies'>>;

const isInteger = (range: string): boolean => range.startsWith('a whole');

function training(key: KeysOf<TrainingSettings, number>, shape: Shape): NumberField {
  return {
    kind: 'number',
    id: `training.${key}`,
    integer: isInteger(shape.range),
    applies: always,
    ...shape,
    read: (settings) => settings.training[key],
    write: (settings, value) => ({ ...settings, training: { ...settings.training, [key]: value } }),
  };
}

function method(key: KeysOf<MethodSettings, number>, shape: Shape): NumberField {
  return {
    kind: 'number',
    id: `method.${key}`,
    integer: isInteger(shape.range),
    applies: always,
    ...shape,
    read: (settings) => settings.method[key],
    write: (settings, value) => ({ ...settings, method: { ...settings.method, [key]: value } }),
  };
}

type ChoiceKey =
  | 'loraSpace'
  | 'spaceSource'
  | 'taskRates'
  | 'spaceSide'
  | 'spaceRule'
  | 'project'
  | 'projType'
  | 'projection'
  | 'clipNorm';

function choice<K extends ChoiceKey>(
  key: K,
  shape: Pick<FieldBase, 'label' | 'help' | 'applies'>,
  options: readonly { value: MethodSettings[K]; label: string }[],
): ChoiceField {
  return {
    kind: 'choice',
    id: `method.${key}`,
    ...shape,
    options,
    read: (settings) => settings.method[key],
    write: (settings, value) => {
      const option = options.find((candidate) => candidate.value === value);
      return option === undefined ? settings : { ...settings, method: { ...settings.method, [key]: option.value } };
    },
  };
}

const hasLora = ({ adapters }: MethodSettings): boolean => adapters !== 'none';
const hasFullRank = ({ fullRank }: MethodSettings): boolean => fullRank !== 'none';
const isProjected = ({ fullRank }: MethodSettings): boolean => fullRank === 'projected';
const hasSpace = ({ sharedSpace }: MethodSettings): boolean => sharedSpace;
const hasLoraSpace = (m: MethodSettings): boolean => hasSpace(m) && hasLora(m);
const isFast = (m: MethodSettings): boolean => isProjected(m) && m.projection === 'fast';
const hasInputSpace = (m: MethodSettings): boolean => hasSpace(m) && m.spaceSource === 'activation';
const hasMomentSpace = (m: MethodSettings): boolean => hasSpace(m) && m.spaceSource === 'moment';
const hasFullRankMomentSpace = (m: MethodSettings): boolean => hasMomentSpace(m) && isProjected(m);

/** Shown at once: what most runs change. */
export const COMMON_FIELDS: readonly Field[] = [
  training('trainExamples', {
    label: 'Training examples',
    help: 'Per task, balanced over its labels; 0 takes all.',
    range: COUNT_OR_ALL,
  }),
  training('testExamples', {
    label: 'Test examples',
    help: 'Per task; more make accuracies surer and testing slower.',
    range: COUNT_OR_ALL,
  }),
  training('epochs', { label: 'Epochs', help: 'Passes over the examples of each task.', range: COUNT }),
  training('batchSize', {
    label: 'Batch size',
    help: 'Examples on the GPU at once. Smaller needs less memory.',
    range: COUNT,
  }),
  method('learningRate', {
    label: 'Learning rate, LoRA',
    help: 'Adam’s step for the adapters A and B.',
    range: POSITIVE,
    applies: hasLora,
  }),
  method('galoreLearningRate', {
    label: 'Learning rate, full rank',
    help: 'Adam’s step for the full-rank weights.',
    range: POSITIVE,
    applies: hasFullRank,
  }),
  training('seed', {
    label: 'Seed',
    help: 'Same seed, settings and device: same run. Change it to see how much is chance.',
    range: 'a whole number',
  }),
];

/** Epochs of the tasks that have their own number of them. */
export const perTaskFields = ({ order, perTask = {} }: RunSettings): NumberField[] =>
  order
    .filter((name) => Object.hasOwn(perTask, name))
    .map((name) => ({
      kind: 'number',
      id: `perTask.${name}.epochs`,
      label: `Epochs, ${name}`,
      help: `Passes over the examples of ${name}.`,
      integer: true,
      range: COUNT,
      applies: always,
      read: (settings) => settings.perTask?.[name]?.epochs ?? settings.training.epochs,
      write: (settings, value) => ({ ...settings, perTask: { ...settings.perTask, [name]: { epochs: value } } }),
    }));

/** Folded away: the method's own settings, then those of the training. */
export const MORE_GROUPS: readonly FieldGroup[] = [
  {
    title: 'Adapters',
    fields: [
      method('loraRank', { label: 'LoRA rank r', help: 'Rows of A, columns of B.', range: COUNT, applies: hasLora }),
      method('loraAlpha', {
        label: 'LoRA alpha',
        help: 'The adapter’s output is scaled by alpha / r.',
        range: POSITIVE,
        applies: hasLora,
      }),
      method('loraDropout', {
        label: 'LoRA dropout',
        help: 'Share of the adapter’s inputs set to 0 in training.',
        range: 'a number from 0 to below 1',
        applies: hasLora,
      }),
      method('orthogonalPenalty', {
        label: 'Orthogonality penalty λ₁',
        help: 'O-LoRA: weight of Σ|A_prev Aᵀ| in the loss.',
        range: NOT_NEGATIVE,
        applies: ({ name }) => name === 'o-lora',
      }),
      method('sparsityPenalty', {
        label: 'Sparsity penalty',
        help: 'N-LoRA: weight of Σ|B A| in the loss.',
        range: NOT_NEGATIVE,
        applies: ({ name }) => name === 'n-lora',
      }),
    ],
  },
  {
    title: 'Low-rank gradient',
    fields: [
      method('galoreRank', {
        label: 'Gradient rank',
        help: 'Singular vectors that a full-rank gradient is compressed to.',
        range: COUNT,
        applies: isProjected,
      }),
      method('galoreScale', {
        label: 'Scale',
        help: 'Factor on the update that is projected back.',
        range: POSITIVE,
        applies: isProjected,
      }),
      method('updateProjGap', {
        label: 'Steps between bases',
        help: 'Steps after which the singular vectors are taken anew.',
        range: COUNT,
        applies: isProjected,
      }),
      choice(
        'projType',
        { label: 'Projected side', help: 'Which singular vectors compress the gradient.', applies: isProjected },
        [
          { value: 'std', label: 'std: right if tall, else left' },
          { value: 'reverse_std', label: 'reverse_std: left if tall, else right' },
          { value: 'left', label: 'left' },
          { value: 'right', label: 'right' },
          { value: 'full', label: 'full: both' },
        ],
      ),
      choice(
        'projection',
        {
          label: 'Projection',
          help: 'Fast never forms the gradient; exact does, and is slower, for comparison with the paper’s code.',
          applies: isProjected,
        },
        [
          { value: 'fast', label: 'fast: block power iteration on the GPU' },
          { value: 'exact', label: 'exact: singular values on the CPU' },
        ],
      ),
      choice(
        'clipNorm',
        {
          label: 'Norm for clipping',
          help: 'Which norm of a projected gradient counts; the whole one costs time in every step.',
          applies: isFast,
        },
        [
          { value: 'projected', label: 'of the compressed gradient' },
          { value: 'exact', label: 'of the whole gradient' },
        ],
      ),
    ],
  },
  {
    title: 'Shared space',
    fields: [
      method('threshold', {
        label: 'Energy threshold',
        help: 'Share of each tensor’s energy that the space must hold after a task.',
        range: SHARE,
        applies: (m) => hasSpace(m) && !hasSoftSpaces(m),
      }),
      method('softness', {
        label: 'Softness',
        help: 'Energy, in averages of all directions, at which one is kept out by half; 0 cuts at a threshold.',
        range: NOT_NEGATIVE,
        applies: hasInputSpace,
      }),
      choice(
        'spaceSource',
        { label: 'Built from', help: 'What the main directions are taken from.', applies: hasSpace },
        [
          { value: 'moment', label: 'Adam’s first moment, as published' },
          { value: 'activation', label: 'the layers’ inputs, as GPM' },
        ],
      ),
      choice(
        'taskRates',
        {
          label: 'Learning rates',
          help: 'A space of inputs leaves a step less effect; higher rates make up for it.',
          applies: hasInputSpace,
        },
        [
          { value: 'constant', label: 'the same in every task' },
          { value: 'compensated', label: 'higher, the less lies outside the space' },
        ],
      ),
      choice('loraSpace', { label: 'Side of A', help: 'Side of A on which the space acts.', applies: hasLoraSpace }, [
        { value: 'rank', label: 'rank side, as published' },
        { value: 'input', label: 'input side, as GPM' },
      ]),
      choice(
        'spaceSide',
        { label: 'Side of W', help: 'Side of a full-rank gradient on which it acts.', applies: hasFullRankMomentSpace },
        [
          { value: 'kept', label: 'the side kept whole' },
          { value: 'left', label: 'always left, as released' },
        ],
      ),
      choice(
        'spaceRule',
        { label: 'Rule for new directions', help: 'How many each task adds.', applies: hasMomentSpace },
        [
          { value: 'paper', label: 'as in the paper' },
          { value: 'official', label: 'as in the released code' },
        ],
      ),
      choice(
        'project',
        { label: 'Kept out of the space', help: 'Adam lets part of the update back in.', applies: hasSpace },
        [
          { value: 'gradient', label: 'the gradient, as published' },
          { value: 'update', label: 'the update too' },
        ],
      ),
    ],
  },
  {
    title: 'Training',
    fields: [
      training('gradientAccumulation', {
        label: 'Gradient accumulation',
        help: 'Batches averaged into one step.',
        range: COUNT,
      }),
      training('maxGradNorm', {
        label: 'Largest gradient norm',
        help: 'Gradients are scaled down to this global norm.',
        range: POSITIVE,
      }),
      training('sourceLength', {
        label: 'Prompt length',
        help: 'Tokens; longer texts are cut, never the instruction.',
        range: COUNT,
      }),
      training('targetLength', {
        label: 'Answer length',
        help: 'Tokens, in training and when generating.',
        range: COUNT,
      }),
      training('evaluationBatchSize', {
        label: 'Test batch size',
        help: 'Examples answered at once.',
        range: COUNT,
      }),
    ],
  },
  {
    title: 'Memory',
    fields: [
      {
        kind: 'choice',
        id: 'training.frozenWeights',
        label: 'Frozen weights',
        help: 'As stored is exact. Blocks of 8 bits moved the loss of small models by 0.2 % at most, of 4 bits by 0.8 %.',
        applies: always,
        options: [
          { value: 'f32', label: 'f32' },
          { value: 'stored', label: '16-bit, where so stored' },
          { value: '8-bit', label: '8-bit blocks' },
          { value: '4-bit', label: '4-bit blocks' },
        ],
        read: ({ training }) => training.frozenWeights,
        write: (settings, value) => {
          const option = FROZEN_WEIGHTS.find((known) => known === value);
          if (option === undefined) return settings;
          return { ...settings, training: { ...settings.training, frozenWeights: option } };
        },
      },
      {
        kind: 'choice',
        id: 'training.activations',
        label: 'Activations',
        help: 'Computing them again gives the same numbers in a fraction of the memory, a third slower.',
        applies: always,
        options: [
          { value: 'keep', label: 'keep' },
          { value: 'recompute', label: 'compute again' },
        ],
        read: ({ training }) => training.activations,
        write: (settings, value) =>
          value === 'keep' || value === 'recompute'
            ? { ...settings, training: { ...settings.training, activations: value } }
            : settings,
      },
      {
        kind: 'choice',
        id: 'training.arithmetic',
        label: 'Products',
        help: 'f16 rounds weights and activations in large products; sums and gradients stay f32. Not every graphics card can.',
        applies: always,
        options: [
          { value: 'f32', label: 'f32' },
          { value: 'f16', label: 'f16, where quicker' },
        ],
        read: ({ training }) => training.arithmetic,
        write: (settings, value) =>
          value === 'f32' || value === 'f16'
            ? { ...settings, training: { ...settings.training, arithmetic: value } }
            : settings,
      },
    ],
  },
];
