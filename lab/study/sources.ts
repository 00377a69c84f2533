import { GorpError } from '../../src/base/errors.ts';
import { sha256Of } from '../../src/base/sha256.ts';
import { code } from '../../src/base/version.ts';
import { nodeTaskReader } from '../../src/cli/host.ts';
import { openNamedModel } from '../../src/cli/named-models.ts';
import { fileHashes } from '../../src/run/results/identity.ts';
import { mainScore, type Score } from '../../src/tasks/forms.ts';
import { loadNamed, type TaskHost } from '../../src/run/tasks/task-data.ts';
import { type Task, taskHash } from '../../src/tasks/task.ts';
import { type Sources, type StudyPlan, tasksOf } from './plan.ts';

/**
 * Returns the sources of a study: the commit of this program, model and tasks by SHA-256.
 *
 * @throws GorpError, as opening the model and reading the tasks throws: `tasks/not-found`, `weights/not-found`.
 */
export async function sourcesOf(plan: StudyPlan, customTasks: readonly Task[]): Promise<Sources> {
  const customTask: TaskHost['customTask'] = (name) => Promise.resolve(customTasks.find((task) => task.name === name));
  const host = { taskReader: nodeTaskReader, customTask };
  const tasks: Record<string, string> = {};
  const scores: Record<string, Score> = {};
  for (const name of tasksOf(plan)) {
    const { task } = await loadNamed(host, name, plan.tasks, new AbortController().signal);
    tasks[name] = await taskHash(task);
    scores[name] = mainScore(task);
  }
  const { commit } = code();
  return { ...(commit !== 'unknown' && { code: commit }), model: await modelHash(plan.model), tasks, scores };
}

/** SHA-256 of all files of a model that a run reads. */
async function modelHash(name: string): Promise<string> {
  const model = await openNamedModel(name);
  const files = await fileHashes(model, { promptForm: 'chat' });
  return sha256Of(new TextEncoder().encode(JSON.stringify([await model.contentHash(), files])));
}

/**
 * Checks that a study continues with the program, the model and the tasks that it began with. What a plan does not say
 * fits any.
 *
 * @param place the folder or file that has the plan, for the message.
 * @throws GorpError `run/other-study`, naming the commits, the model or the task that has changed.
 */
export function checkSources(planned: Sources | undefined, found: Sources | undefined, place: string): void {
  if (planned === undefined || found === undefined) return;
  const changed = (then: Record<string, string> = {}, now: Record<string, string> = {}): string | undefined =>
    Object.keys(then).find((name) => Object.hasOwn(now, name) && now[name] !== then[name]);
  if (planned.code !== undefined && found.code !== undefined && !isSameCommit(planned.code, found.code)) {
    throw new GorpError(
      'run/other-study',
      `The study of ${place} was begun at the commit ${planned.code} of this program, which is at ${found.code} now.`,
      `Continue at ${planned.code}, or begin a new study in another folder: numbers of two commits do not stand in one table.`,
    );
  }
  const [texts, score] = [changed(planned.tasks, found.tasks), changed(planned.scores, found.scores)];
  const what =
    planned.model !== found.model
      ? `The model's files have`
      : texts !== undefined
        ? `The texts, labels or question of the task ${texts} have`
        : score === undefined
          ? null
          : `The main score of the task ${score} has`;
  if (what === null) return;
  throw new GorpError(
    'run/other-study',
    `${what} changed since the study of ${place} was planned.`,
    'Restore what has changed, or begin a new study in another folder.',
  );
}

/** Commits have as many digits as tell them apart in their repository. */
const isSameCommit = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one);
