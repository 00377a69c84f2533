import type { OpenedFile } from '../../run/table-messages.ts';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import { likelySpec } from '../../tasks/likely-spec.ts';
import { bearerOf } from '../../tasks/task-name.ts';

/** A first specification for a file, with the guessed columns. */
export const guessedSpec = (file: OpenedFile, taken: readonly string[]): TaskSpec =>
  likelySpec(file, file.preview, taken);

/** Why a well-formed name is not available for a custom task. */
export function nameIssue(name: string, taken: readonly string[]): string | undefined {
  const bearer = taken.includes(name) ? 'another task of yours' : bearerOf(name);
  return bearer && `This is also the name of ${bearer}`;
}
