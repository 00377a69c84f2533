import {
  COUNT,
  FOLDED_SECTIONS,
  type Range,
  type Section,
  type Setting,
  type Settings,
  type Usual,
} from '../../methods/parts/setting.ts';
import { type MethodName, methodOf } from '../../methods/registry.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { TRAINING_SETTINGS } from '../../run/settings/training-settings.ts';

interface FieldBase {
  /** Dotted path in the settings, as the schema names it. */
  id: string;
  label: string;
  help: string;
  /** Whether the field has an effect, given the other settings. */
  applies: (settings: RunSettings) => boolean;
}

export interface NumberField extends FieldBase {
  kind: 'number';
  integer: boolean;
  /** Whether a share is allowed, which may be typed in percent. */
  shares: boolean;
  /** The allowed values in words, shown when a value is refused. */
  range: string;
  /** A remark on a value that is allowed but hardly ever meant; undefined for others. */
  unusual: (value: number) => string | undefined;
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

interface FieldGroup {
  title: string;
  fields: readonly Field[];
}

/** The range of a field, from its setting. */
const within = ({ words, integer, shares }: Range): Pick<NumberField, 'range' | 'integer' | 'shares'> => ({
  range: words,
  integer,
  shares: shares === true,
});

/** Remarks on values outside the usual ones. */
const unusualIn =
  (usual: Usual | undefined) =>
  (value: number): string | undefined => {
    if (usual === undefined || Number.isNaN(value) || value === 0) return undefined;
    if (value < usual[0]) return `Unusually small: most runs use ${usual[0]} to ${usual[1]}.`;
    return value > usual[1] ? `Unusually large: most runs use ${usual[0]} to ${usual[1]}.` : undefined;
  };

/** The values of settings, by name. */
type SettingValues = Record<string, unknown>;

/** The field for a setting that the method or the training declares. */
function fieldOf(part: 'method' | 'training', key: string, setting: Setting): Field {
  const valuesOf = (settings: RunSettings): SettingValues => settings[part] as unknown as SettingValues;
  const base = {
    id: `${part}.${key}`,
    label: setting.label,
    help: setting.help,
    applies: (settings: RunSettings): boolean => setting.applies?.(valuesOf(settings)) ?? true,
  };
  const write = (settings: RunSettings, value: unknown): RunSettings => ({
    ...settings,
    [part]: { ...settings[part], [key]: value },
  });
  if (setting.kind === 'number') {
    const read = (settings: RunSettings): number => Number(valuesOf(settings)[key]);
    return { ...base, kind: 'number', ...within(setting.range), unusual: unusualIn(setting.usual), read, write };
  }
  const { options } = setting;
  return {
    ...base,
    kind: 'choice',
    options,
    read: (settings) => String(valuesOf(settings)[key]),
    write: (settings, value) => (options.some((option) => option.value === value) ? write(settings, value) : settings),
  };
}

const fieldsIn = (section: Section, part: 'method' | 'training', settings: Settings): Field[] =>
  Object.entries(settings)
    .filter(([, setting]) => setting.section === section)
    .map(([key, setting]) => fieldOf(part, key, setting));

/** The fields of a section: settings of every run, then the method's. */
const sectionOf = (name: MethodName, section: Section): Field[] => [
  ...fieldsIn(section, 'training', TRAINING_SETTINGS),
  ...fieldsIn(section, 'method', methodOf({ name }).settings),
];

/** A field for each task that has its own number of epochs. */
export const perTaskFields = ({ order, perTask = {} }: RunSettings): NumberField[] =>
  order
    .filter((name) => Object.hasOwn(perTask, name))
    .map((name) => ({
      kind: 'number',
      id: `perTask.${name}.epochs`,
      label: `Epochs, ${name}`,
      help: `Passes over the examples of ${name}.`,
      ...within(COUNT),
      unusual: unusualIn(TRAINING_SETTINGS.epochs.usual),
      applies: () => true,
      read: (settings) => settings.perTask?.[name]?.epochs ?? settings.training.epochs,
      write: (settings, value) => ({ ...settings, perTask: { ...settings.perTask, [name]: { epochs: value } } }),
    }));

/** The fields always shown for a method: those that most runs change. */
export const commonFields = (name: MethodName): readonly Field[] => [
  ...sectionOf(name, 'first'),
  ...sectionOf(name, 'last'),
];

/** The folded fields for a method, in titled groups. */
export const moreGroups = (name: MethodName): readonly FieldGroup[] =>
  FOLDED_SECTIONS.map((title) => ({ title, fields: sectionOf(name, title) })).filter(({ fields }) => fields.length > 0);
