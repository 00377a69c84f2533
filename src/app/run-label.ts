import { GorpError } from '../base/errors.ts';
import { MOST_NAME, MOST_NOTES } from '../run/settings/results-bounds.ts';
import type { RunLabel } from '../run/results/run-label.ts';

const same = (a: string, b: string): boolean => a.localeCompare(b, 'en', { sensitivity: 'accent' }) === 0;

/**
 * A label without spaces around it.
 *
 * @param names those of all other runs.
 * @throws GorpError `run/name-taken` if another run has the name, `run/label-too-long`.
 */
export function checkedLabel(label: RunLabel, names: readonly string[]): RunLabel {
  const [name, notes] = [label.name.trim().replaceAll(/\s+/g, ' '), label.notes.trim()];
  if (name.length > MOST_NAME || notes.length > MOST_NOTES) {
    throw new GorpError(
      'run/label-too-long',
      name.length > MOST_NAME
        ? `The name has ${name.length} letters, more than ${MOST_NAME}.`
        : `The notes have ${notes.length} letters, more than ${MOST_NOTES}.`,
      'Shorten it.',
    );
  }
  const free = freeName(name, names);
  if (free !== name) {
    throw new GorpError(
      'run/name-taken',
      `Another run is called “${name}”.`,
      `Choose another name, such as “${free}”.`,
    );
  }
  return { name, notes };
}

/** The name if no other run has it, else the name with the first number that makes it free. No name is always free. */
export function freeName(name: string, names: readonly string[]): string {
  const isFree = (wanted: string): boolean => !names.some((one) => same(one, wanted));
  if (name === '' || isFree(name)) return name;
  let number = 2;
  while (!isFree(`${name} ${number}`)) number++;
  return `${name} ${number}`;
}
