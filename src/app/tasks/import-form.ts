import type { OpenedFile } from '../../run/tasks/table-messages.ts';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import type { Columns } from '../../tasks/forms.ts';
import { FORM_DEFAULTS, likelySpec } from '../../tasks/likely-spec.ts';
import { bearerOf } from '../../tasks/task-name.ts';

/** A first specification for a file, with the guessed columns. */
export const guessedSpec = (file: OpenedFile, taken: readonly string[]): TaskSpec =>
  likelySpec(file, file.preview, taken);

/** What a person has typed, which a change of the form of answers does not replace. */
export type Typed = Partial<Pick<TaskSpec, 'kind' | 'instruction'>>;

/** A specification with other columns. Another form of answers brings its kind and question, and its usual main score. */
export function withColumns(spec: TaskSpec, columns: Columns, typed: Typed): TaskSpec {
  const { form, textColumn, inputColumn, labelColumn } = columns;
  const next: TaskSpec = { ...spec, form, textColumn, inputColumn, labelColumn };
  if (form === spec.form) return next;
  delete next.score;
  const asks = form === 'labels' || form === 'free';
  return { ...next, ...FORM_DEFAULTS[form], ...typed, ...(!asks && { instruction: null }) };
}

/** Why a well-formed name is not available for a custom task. */
export function nameIssue(name: string, taken: readonly string[]): string | undefined {
  const bearer = taken.includes(name) ? 'another task of yours' : bearerOf(name);
  return bearer && `This is also the name of ${bearer}`;
}
