import { KINDS } from '../../tasks/kinds.ts';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import type { OpenedFile } from '../../run/table-messages.ts';

/** A first specification for a file, with the guessed columns. */
export function guessedSpec({ name, sha256, preview }: OpenedFile, taken: readonly string[]): TaskSpec {
  return {
    name: freeName(name, taken),
    kind: 'TC',
    instruction: KINDS['TC'],
    file: name,
    sha256,
    header: true,
    textColumn: preview.textColumn,
    labelColumn: preview.labelColumn,
    testShare: 0.2,
    seed: 1,
  };
}

/** A file's name without its extension, reduced to what a task name allows and made unique. */
function freeName(file: string, taken: readonly string[]): string {
  const stem = file.replace(/\.[a-z]+$/i, '').replace(/[^\p{L}\p{N}_-]+/gu, ' ');
  const name =
    stem
      .replace(/^[ _-]+/, '')
      .slice(0, 36)
      .trim() || 'task';
  let free = name;
  for (let copy = 2; taken.includes(free); copy++) free = `${name} ${copy}`;
  return free;
}

/** Why a well-formed name is not available for a custom task. */
export const nameIssue = (name: string, taken: readonly string[]): string | undefined =>
  taken.includes(name) ? 'Another task of yours has this name' : undefined;
