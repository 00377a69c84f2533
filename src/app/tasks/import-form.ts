import type { OpenedFile } from '../../run/table-messages.ts';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import { likelySpec } from '../../tasks/likely-spec.ts';

/** A first specification for a file, with the guessed columns. */
export const guessedSpec = (file: OpenedFile, taken: readonly string[]): TaskSpec =>
  likelySpec(file, file.preview, taken);

/** Why a well-formed name is not available for a custom task. */
export const nameIssue = (name: string, taken: readonly string[]): string | undefined =>
  taken.includes(name) ? 'Another task of yours has this name' : undefined;
