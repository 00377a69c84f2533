import type { RunSettings } from '../../run/settings.ts';
import { commonFields, type Field, moreGroups } from '../setup/fields.ts';

/** The values of settings as text, by dotted path. */
export type FlatSettings = ReadonlyMap<string, string>;

/** Settings with one text per leaf. An order is a single text, since its tasks mean little one by one. */
export function flatSettings(settings: RunSettings): FlatSettings {
  const flat = new Map<string, string>();
  const visit = (path: string, value: unknown): void => {
    if (Array.isArray(value)) flat.set(path, value.join(', '));
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) visit(path === '' ? key : `${path}.${key}`, inner);
    else flat.set(path, String(value));
  };
  visit('', settings);
  return flat;
}

const PLAIN_NAMES: Readonly<Record<string, string>> = {
  model: 'Model',
  tasks: 'Tasks from',
  order: 'Order',
  'method.name': 'Method',
};

/** A setting's name in the form; its path if the form has no field for it. */
export function settingName(path: string, { method }: Pick<RunSettings, 'method'>): string {
  const plain = PLAIN_NAMES[path];
  if (plain !== undefined) return plain;
  const epochs = /^perTask\.(.+)\.epochs$/.exec(path)?.[1];
  if (epochs !== undefined) return `Epochs, ${epochs}`;
  const fields: readonly Field[] = [
    ...commonFields(method.name),
    ...moreGroups(method.name).flatMap((group) => group.fields),
  ];
  return fields.find(({ id }) => id === path)?.label ?? path;
}
