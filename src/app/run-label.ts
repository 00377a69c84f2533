import { GorpError } from '../base/errors.ts';
import { MOST_NAME, MOST_NOTES } from '../run/results-bounds.ts';
import type { Results } from '../run/results.ts';

/** What a person calls a run, and writes about it; both may be empty. */
export interface RunLabel {
  readonly name: string;
  readonly notes: string;
}

export const labelOf = ({ name = '', notes = '' }: { name?: string; notes?: string }): RunLabel => ({ name, notes });

/** The label as results and summaries store it: empty parts are missing. */
export const storedLabel = ({ name, notes }: RunLabel): { name?: string; notes?: string } => ({
  ...(name !== '' && { name }),
  ...(notes !== '' && { notes }),
});

/** Results with a label in place of theirs. */
export function withLabel(results: Results, label: RunLabel): Results {
  const others = { ...results };
  delete others.name;
  delete others.notes;
  return { ...others, ...storedLabel(label) };
}

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
  if (name !== '' && names.some((one) => same(one, name))) {
    let number = 2;
    while (names.some((one) => same(one, `${name} ${number}`))) number++;
    throw new GorpError(
      'run/name-taken',
      `Another run is called “${name}”.`,
      `Choose another name, such as “${name} ${number}”.`,
    );
  }
  return { name, notes };
}
