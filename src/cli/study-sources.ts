import { sha256Of } from '../base/sha256.ts';
import { fileHashes } from '../run/identity.ts';
import { type Sources, type StudyPlan, tasksOf } from '../run/study/study-plan.ts';
import { loadNamed, type TaskHost } from '../run/task-data.ts';
import { taskHash } from '../tasks/task-hash.ts';
import type { Task } from '../tasks/task.ts';
import { nodeTaskReader } from './host.ts';
import { openNamedModel } from './named-models.ts';

/**
 * What a study works with, by hash.
 *
 * @throws GorpError, as opening the model and reading the tasks throws: `tasks/not-found`, `weights/not-found`.
 */
export async function sourcesOf(plan: StudyPlan, customTasks: readonly Task[]): Promise<Sources> {
  const customTask: TaskHost['customTask'] = (name) => Promise.resolve(customTasks.find((task) => task.name === name));
  const host = { taskReader: nodeTaskReader, customTask };
  const tasks: Record<string, string> = {};
  for (const name of tasksOf(plan)) {
    const { task } = await loadNamed(host, name, plan.tasks, new AbortController().signal);
    tasks[name] = await taskHash(task);
  }
  return { model: await modelHash(plan.model), tasks };
}

/** SHA-256 of all files of a model that a run reads. */
async function modelHash(name: string): Promise<string> {
  const model = await openNamedModel(name);
  const files = await fileHashes(model, { promptForm: 'chat' });
  return sha256Of(new TextEncoder().encode(JSON.stringify([await model.contentHash(), files])));
}
