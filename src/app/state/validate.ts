import * as v from 'valibot';
import { addressProblem } from '../../base/address.ts';
import { explained, GorpError } from '../../base/errors.ts';
import { parseSettings, type RunSettings, RunSettingsSchema } from '../../run/settings/settings.ts';
import { teachingFault } from '../../run/settings/teaching.ts';
import { type ModelModules, modulesProblem } from '../../run/settings/trained-modules.ts';
import { isAddress, parseModelReference } from '../../weights/model-reference.ts';
import { commonFields, type Field, moreGroups, perTaskFields } from './fields.ts';
import type { Teaches } from './set-up-form.ts';
import { NO_TASKS, orderProblem, type UserTasks } from './task-store.ts';

const fieldsOf = (draft: RunSettings): ReadonlyMap<string, Field> =>
  new Map(
    [
      ...commonFields(draft.method.name),
      ...perTaskFields(draft),
      ...moreGroups(draft.method.name).flatMap(({ fields }) => fields),
    ].map((field) => [field.id, field]),
  );

const MODEL_HELP = 'Enter a repository (org/name) or the https:// address of a folder, or choose files.';
const FOLDER_HELP = 'Enter the https:// address of a folder.';

/** Whether a rule about several settings is broken: it was given all of them, and has a message of its own. */
const isOfSeveral = ({ input }: { readonly input: unknown }): boolean => typeof input === 'object' && input !== null;

/** Why an address is invalid, as a message for its field; `otherwise` for a text that is not an address. */
function addressIssue(text: string, otherwise: string): string | null {
  const problem = addressProblem(text);
  if (problem === null) return null;
  return isAddress(text) && URL.canParse(text) ? explained(problem) : otherwise;
}

/**
 * The faults of a draft: a message for each invalid field, by the setting's dotted path. Empty if a run can start with
 * the tasks at hand. Uses the schema of {@link parseSettings}, which names only the first fault.
 *
 * @param model the layers of the model; null until known.
 */
export function draftIssues(
  draft: RunSettings,
  data: UserTasks = NO_TASKS,
  model: ModelModules | null = null,
  teaches: Teaches | null = null,
): ReadonlyMap<string, string> {
  const issues = new Map<string, string>();
  const fields = fieldsOf(draft);
  const parsed = v.safeParse(RunSettingsSchema, draft);
  for (const issue of parsed.issues ?? []) {
    const path = v.getDotPath(issue) ?? '';
    const field = fields.get(path);
    issues.set(path, field?.kind === 'number' && !isOfSeveral(issue) ? `Must be ${field.range}.` : issue.message);
  }
  if (draft.order.length === 0)
    issues.set('order', teaches ? 'Choose what to teach next.' : 'Choose at least one task.');
  if (new Set(draft.order).size < draft.order.length) issues.set('order', 'List each task only once.');
  if (parseModelReference(draft.model) === null)
    issues.set('model', addressIssue(draft.model, MODEL_HELP) ?? MODEL_HELP);
  const unread = orderProblem(draft, data);
  if (unread !== null) issues.set('order', unread);
  const fault = teaches === null ? null : faultOf(draft, teaches);
  if (fault !== null) issues.set(...fault);
  const tasksIssue = ['embedded', 'picked'].includes(draft.tasks) ? null : addressIssue(draft.tasks, FOLDER_HELP);
  if (tasksIssue !== null) issues.set('tasks', tasksIssue);
  const layers = modulesProblem(draft, model);
  if (layers !== null) issues.set(`training.${layers.setting}`, layers.message);
  return issues;
}

/** The settings of a run that teaches a model the tasks of a draft: those that it knows come first. */
const withTaught = (draft: RunSettings, { model: { lessons } }: Teaches): RunSettings => ({
  ...draft,
  order: [...lessons.map(({ name }) => name), ...draft.order],
});

/** Why a draft cannot teach a model more, and the field that it concerns; null if it can. */
function faultOf(draft: RunSettings, teaches: Teaches): ['order' | 'teaches', string] | null {
  const { settings, lessons } = teaches.model;
  const again = draft.order.find((name) => lessons.some((lesson) => lesson.name === name));
  if (again !== undefined)
    return ['order', `The model was taught a task ${again} already: give the new one a name of its own.`];
  // A method is refused before there is a task.
  const next = draft.order.length > 0 ? draft : { ...draft, order: [''] };
  const fault = teachingFault(settings, lessons.length, withTaught(next, teaches));
  return fault && ['teaches', `This model cannot be taught so: ${fault.problem}. ${fault.nextStep}`];
}

/**
 * A draft as settings that can start a run.
 *
 * @param teaches the model that the run teaches; its tasks come first in the settings.
 * @throws GorpError `settings/invalid`, naming the setting.
 */
export function checkedSettings(
  draft: RunSettings,
  data: UserTasks = NO_TASKS,
  model: ModelModules | null = null,
  teaches: Teaches | null = null,
): RunSettings {
  const [first] = draftIssues(draft, data, model, teaches);
  if (first !== undefined) {
    const [path, message] = first;
    if (path === 'teaches')
      throw new GorpError('settings/invalid', message, 'Do so in the form. A button there begins with the base model.');
    throw new GorpError(
      'settings/invalid',
      `${fieldsOf(draft).get(path)?.label ?? 'Setting'} (${path}): ${message}`,
      'Correct the marked setting and start again.',
    );
  }
  return parseSettings(teaches === null ? draft : withTaught(draft, teaches));
}
