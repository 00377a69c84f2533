import { sourceName } from '../../run/results/likeness.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { commonFields, type Field, moreGroups } from '../setup/fields.ts';

const PLAIN_NAMES: Readonly<Record<string, string>> = {
  model: 'Model',
  tasks: 'Tasks from',
  order: 'Order',
  'method.name': 'Method',
};

/** The name of a setting in the form, or of a source ({@link likenessOf}); its path if there is none. */
export function settingName(path: string, { method }: Pick<RunSettings, 'method'>): string {
  const plain = PLAIN_NAMES[path];
  if (plain !== undefined) return plain;
  const source = sourceName(path);
  if (source !== null)
    return source.replace(/^(?:weights|texts|main)/, (word) => word[0].toUpperCase() + word.slice(1));
  const epochs = /^perTask\.(.+)\.epochs$/.exec(path)?.[1];
  if (epochs !== undefined) return `Epochs, ${epochs}`;
  const fields: readonly Field[] = [
    ...commonFields(method.name),
    ...moreGroups(method.name).flatMap((group) => group.fields),
  ];
  return fields.find(({ id }) => id === path)?.label ?? path;
}
