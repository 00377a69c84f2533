import {
  COUNT,
  COUNT_OR_ZERO,
  POSITIVE,
  type Range,
  type Section,
  type Setting,
  WHOLE,
} from '../../methods/parts/setting.ts';
import { type MethodName, methodOf } from '../../methods/registry.ts';
import { FROZEN_WEIGHTS } from '../../run/frozen-weights.ts';
import { PROMPT_FORMS } from '../../tasks/prompt-form.ts';
import type { RunSettings, TrainingSettings } from '../../run/settings.ts';

/** Keys of T whose values are of type V. */
type KeysOf<T, V> = { [K in keyof T]: T[K] extends V ? K : never }[keyof T];

interface FieldBase {
  /** Dotted path in the settings, as the schema names it. */
  id: string;
  label: string;
  help: string;
  /** Whether the field has any effect beside the other settings. */
  applies: (settings: RunSettings) => boolean;
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

type Shape = Pick<NumberField, 'label' | 'help'> & Partial<Pick<NumberField, 'applies'>> & { range: Range };

/** The range of a field, as a setting of a method declares it. */
const within = ({ words, integer }: Range): Pick<NumberField, 'range' | 'integer'> => ({ range: words, integer });

function training(key: KeysOf<TrainingSettings, number>, { range, ...shape }: Shape): NumberField {
  return {
    kind: 'number',
    id: `training.${key}`,
    applies: always,
    ...shape,
    ...within(range),
    read: (settings) => settings.training[key],
    write: (settings, value) => ({ ...settings, training: { ...settings.training, [key]: value } }),
  };
}

/** The values of a method's settings, by name. */
type Values = Record<string, unknown>;

/** The field of a setting, as its method declares it. */
function methodField(key: string, setting: Setting): Field {
  const base = {
    id: `method.${key}`,
    label: setting.label,
    help: setting.help,
    applies: ({ method }: RunSettings): boolean => setting.applies?.(method as unknown as Values) ?? true,
  };
  const valueOf = ({ method }: RunSettings): unknown => (method as unknown as Values)[key];
  const write = (settings: RunSettings, value: unknown): RunSettings => ({
    ...settings,
    method: { ...settings.method, [key]: value },
  });
  if (setting.kind === 'number') {
    return { ...base, kind: 'number', ...within(setting.range), read: (settings) => Number(valueOf(settings)), write };
  }
  const { options } = setting;
  return {
    ...base,
    kind: 'choice',
    options,
    read: (settings) => String(valueOf(settings)),
    write: (settings, value) => (options.some((option) => option.value === value) ? write(settings, value) : settings),
  };
}

/** The fields of a method's settings in one section of the form. */
const methodFields = (name: MethodName, section: Section): Field[] =>
  Object.entries(methodOf({ name }).settings)
    .filter(([, setting]) => setting.section === section)
    .map(([key, setting]) => methodField(key, setting));

const COMMON_FIELDS: readonly Field[] = [
  training('trainExamples', {
    label: 'Training examples',
    help: 'Per task, balanced over its labels; 0 takes all.',
    range: COUNT_OR_ZERO,
  }),
  training('testExamples', {
    label: 'Test examples',
    help: 'Per task; more make accuracies surer and testing slower.',
    range: COUNT_OR_ZERO,
  }),
  training('epochs', { label: 'Epochs', help: 'Passes over the examples of each task.', range: COUNT }),
  training('batchSize', {
    label: 'Batch size',
    help: 'Examples on the GPU at once. Smaller needs less memory.',
    range: COUNT,
  }),
];

const SEED: Field = training('seed', {
  label: 'Seed',
  help: 'Same seed, settings and device: same run. Change it to see how much is chance.',
  range: WHOLE,
});

/** Epochs of the tasks that have their own number of them. */
export const perTaskFields = ({ order, perTask = {} }: RunSettings): NumberField[] =>
  order
    .filter((name) => Object.hasOwn(perTask, name))
    .map((name) => ({
      kind: 'number',
      id: `perTask.${name}.epochs`,
      label: `Epochs, ${name}`,
      help: `Passes over the examples of ${name}.`,
      ...within(COUNT),
      applies: always,
      read: (settings) => settings.perTask?.[name]?.epochs ?? settings.training.epochs,
      write: (settings, value) => ({ ...settings, perTask: { ...settings.perTask, [name]: { epochs: value } } }),
    }));

/** What is folded away of the training. */
const TRAINING_GROUPS: readonly FieldGroup[] = [
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
      {
        kind: 'choice',
        id: 'training.promptForm',
        label: 'Prompts',
        help: 'By the model’s chat template the prompt is a user’s turn and the label the answer. The run shows what the model reads.',
        applies: always,
        options: [
          { value: 'raw', label: 'as they are' },
          { value: 'chat', label: 'by the model’s chat template' },
        ],
        read: ({ training }) => training.promptForm,
        write: (settings, value) => {
          const option = PROMPT_FORMS.find((known) => known === value);
          if (option === undefined) return settings;
          return { ...settings, training: { ...settings.training, promptForm: option } };
        },
      },
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

/** The sections of a method's settings that are folded away, in the order of the form. */
const METHOD_SECTIONS = ['This method', 'Adapters', 'Low-rank gradient', 'Shared space'] as const;

/** Shown at once for a method: what most runs change. */
export const commonFields = (name: MethodName): readonly Field[] => [
  ...COMMON_FIELDS,
  ...methodFields(name, 'first'),
  SEED,
];

/** Folded away for a method: its own settings, then those of the training. */
export const moreGroups = (name: MethodName): readonly FieldGroup[] => [
  ...METHOD_SECTIONS.map((title) => ({ title, fields: methodFields(name, title) })).filter(
    ({ fields }) => fields.length > 0,
  ),
  ...TRAINING_GROUPS,
];
