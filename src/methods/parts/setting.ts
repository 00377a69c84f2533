import * as v from 'valibot';

/** The collapsed sections of the form, in order. */
export const FOLDED_SECTIONS = [
  'This method',
  'Adapters',
  'Low-rank gradient',
  'Shared space',
  'Training',
  'Memory',
] as const;

/** Where the form shows a setting. `first` and `last` are always visible, for settings that most runs change. */
export type Section = (typeof FOLDED_SECTIONS)[number] | 'first' | 'last';

/** The other settings of a method, by name. */
export type OtherSettings = Readonly<Record<string, unknown>>;

interface SettingBase<T> {
  readonly section: Section;
  readonly label: string;
  /** One sentence for the form. */
  readonly help: string;
  readonly initial: T;
  /** Its value in files written before the setting existed; undefined if it always existed. */
  readonly before?: T | undefined;
  /** Whether it has an effect, given the other settings; if omitted, always. */
  readonly applies?: (others: OtherSettings) => boolean;
}

export interface NumberSetting extends SettingBase<number> {
  readonly kind: 'number';
  readonly range: Range;
  /** Values that most runs use; the form remarks on others. 0, which often means none or all, is usual too. */
  readonly usual?: Usual;
}

/** The smallest and the largest of usual values. */
export type Usual = readonly [least: number, most: number];

export interface ChoiceSetting<T extends string = string> extends SettingBase<T> {
  readonly kind: 'choice';
  readonly options: readonly { readonly value: T; readonly label: string }[];
}

export type Setting = NumberSetting | ChoiceSetting;
export type Settings = Readonly<Record<string, Setting>>;

/** Values of settings. */
export type ValuesOf<S extends Settings> = {
  -readonly [K in keyof S]: S[K] extends ChoiceSetting<infer T> ? T : number;
};

/** The numbers that a setting accepts. */
export interface Range {
  readonly schema: v.GenericSchema<number, number>;
  /** The range in words, shown when a value is refused. */
  readonly words: string;
  readonly integer: boolean;
  /** Whether it takes shares, which may be written in percent: `10 %` is 0.1. */
  readonly shares?: true;
}

/** A whole number within bounds: a file may hold any number, and none may run, or take memory, without end. */
export const wholeFrom = (from: number, to: number): Range => ({
  schema: v.pipe(v.number(), v.integer(), v.minValue(from), v.maxValue(to)),
  words: `a whole number from ${from} to ${to.toLocaleString('en-US')}`,
  integer: true,
});
const BILLION = 1_000_000_000;
export const COUNT = wholeFrom(1, BILLION);
export const COUNT_OR_ZERO = wholeFrom(0, BILLION);
/** A number of examples, or a share of them, as scikit-learn's `test_size`: 1 is one example, 0.1 a tenth of all. */
export const COUNT_OR_SHARE: Range = {
  schema: v.pipe(
    v.number(),
    v.minValue(0),
    v.maxValue(BILLION),
    v.check((value) => value < 1 || Number.isInteger(value), 'It is neither a whole number nor a share below 1.'),
  ),
  words: 'a whole number from 0, or a share such as 10 %',
  integer: true,
  shares: true,
};
/** Whole numbers that a JSON file holds exactly. */
export const WHOLE: Range = {
  schema: v.pipe(v.number(), v.safeInteger()),
  words: 'a whole number of at most 15 digits',
  integer: true,
};
export const POSITIVE: Range = {
  schema: v.pipe(v.number(), v.gtValue(0), v.finite()),
  words: 'a number above 0',
  integer: false,
};
export const NOT_NEGATIVE: Range = {
  schema: v.pipe(v.number(), v.minValue(0), v.finite()),
  words: 'a number, 0 or more',
  integer: false,
};
/** (0, 1]. */
export const SHARE: Range = {
  schema: v.pipe(v.number(), v.gtValue(0), v.maxValue(1)),
  words: 'a number above 0, at most 1',
  integer: false,
  shares: true,
};
/** [0, 1). */
export const PART: Range = {
  schema: v.pipe(v.number(), v.minValue(0), v.ltValue(1)),
  words: 'a number from 0 to below 1',
  integer: false,
  shares: true,
};

export const number = (setting: Omit<NumberSetting, 'kind'>): NumberSetting => ({ kind: 'number', ...setting });

export const choice = <const T extends string>(setting: Omit<ChoiceSetting<T>, 'kind'>): ChoiceSetting<T> => ({
  kind: 'choice',
  ...setting,
});

/** Settings with other initial values. */
export function starting<S extends Settings>(settings: S, initial: Partial<ValuesOf<S>>): S {
  const entries = Object.entries(settings).map(([name, setting]) => [
    name,
    Object.hasOwn(initial, name) ? { ...setting, initial: initial[name as keyof S] } : setting,
  ]);
  return Object.fromEntries(entries) as S;
}

/** The schema of a setting. */
export function schemaOf(setting: Setting): v.GenericSchema<unknown, number | string> {
  const values: v.GenericSchema<unknown, number | string> =
    setting.kind === 'number'
      ? v.message(setting.range.schema, `Expected ${setting.range.words}`)
      : v.picklist(setting.options.map(({ value }) => value));
  return setting.before === undefined ? values : v.optional(values, setting.before);
}
