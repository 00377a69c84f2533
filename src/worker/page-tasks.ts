import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import type { TaskHost } from '../run/tasks/task-data.ts';
import { TaskSchema } from '../tasks/custom-task.ts';
import { rawFolder, remoteReader } from '../tasks/remote.ts';
import { appRoot } from './model-places.ts';
import type { PageTasks } from './protocol.ts';

/** Where a worker reads tasks: from the page, the app's own folder, or the address in the settings. */
export const pageTaskHost = ({ folder, custom }: PageTasks): TaskHost => ({
  taskReader: (tasks, signal) => {
    if (tasks === 'picked') return (path) => pickedText(folder, path);
    return remoteReader(tasks === 'embedded' ? new URL('embedded/tasks/', appRoot) : rawFolder(tasks), signal);
  },
  customTask: async (name) => {
    const json: unknown = JSON.parse((await custom.get(name)?.text()) ?? 'null');
    return json === null ? undefined : v.parse(TaskSchema, json);
  },
});

async function pickedText(folder: PageTasks['folder'], path: string): Promise<string> {
  const file = folder.get(path);
  if (file !== undefined) return file.text();
  throw new GorpError(
    'tasks/not-found',
    `The chosen folder has no ${path}.`,
    'Choose the folder with all files of the dataset, or remove it from the order.',
  );
}
