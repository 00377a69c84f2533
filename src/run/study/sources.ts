import { GorpError } from '../../base/errors.ts';
import type { Sources } from './study-plan.ts';

/**
 * Checks that a study continues with the model and the tasks that it began with. A plan without sources fits any.
 *
 * @param place the folder or file that has the plan, for the message.
 * @throws GorpError `run/other-study`, naming the model or the task that has changed.
 */
export function checkSources(planned: Sources | undefined, found: Sources | undefined, place: string): void {
  if (planned === undefined || found === undefined) return;
  const changed = Object.keys(planned.tasks).find(
    (name) => Object.hasOwn(found.tasks, name) && found.tasks[name] !== planned.tasks[name],
  );
  if (planned.model === found.model && changed === undefined) return;
  const what =
    planned.model === found.model ? `The texts, labels or question of the task ${changed}` : `The model's files`;
  throw new GorpError(
    'run/other-study',
    `${what} have changed since the study of ${place} was planned.`,
    'Restore what has changed, or begin a new study in another folder.',
  );
}
