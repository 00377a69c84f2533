import { createStore, del, entries, set, type UseStore } from 'idb-keyval';
import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { type CustomTask, CustomTaskSchema } from '../../run/tasks/table-messages.ts';

const PickedFolderSchema = v.strictObject({
  name: v.string(),
  /** Files by path below the folder that holds CL_Benchmark and configs. */
  files: v.map(v.string(), v.instance(Blob)),
  /** Datasets with no file missing. */
  datasets: v.array(v.string()),
});
/** The CL_Benchmark folder that was chosen or dropped. */
export type PickedFolder = v.InferOutput<typeof PickedFolderSchema>;

/** The page's tasks besides the embedded ones. */
export interface TaskData {
  custom: readonly CustomTask[];
  folder: PickedFolder | null;
  /** What another version of the page has stored, and this one cannot read: it stays until the person deletes it. */
  unread: { tasks: readonly string[]; folder: boolean };
}

export const NO_TASKS: TaskData = { custom: [], folder: null, unread: { tasks: [], folder: false } };

/** Stores tasks across reloads. Promises reject if the browser refuses to store. */
export interface TaskStore {
  load(): Promise<TaskData>;
  /** Adds all tasks or none. @throws GorpError `tasks/name-taken` if another stored task has the name of one. */
  addCustom(tasks: readonly CustomTask[]): Promise<void>;
  removeCustom(name: string): Promise<void>;
  setFolder(folder: PickedFolder | null): Promise<void>;
}

const FOLDER_KEY = 'folder';
const OWN = 'own/';
const customKey = (name: string): string => OWN + name;

/** A store in IndexedDB. Blobs stay on disk until a run reads them. */
export function browserTasks(): TaskStore {
  // Opened on first use, so that a browser without IndexedDB can still show the page.
  let opened: UseStore | undefined;
  const store = (): UseStore => (opened ??= createStore('gorp-web-tasks', 'tasks'));
  return {
    load: async () => {
      const custom: CustomTask[] = [];
      let folder: PickedFolder | null = null;
      const unread = { tasks: [] as string[], folder: false };
      for (const [key, value] of await guarded(() => entries<string, unknown>(store()))) {
        if (key === FOLDER_KEY) {
          const parsed = v.safeParse(PickedFolderSchema, value);
          if (parsed.success) folder = parsed.output;
          else unread.folder = true;
        } else {
          const parsed = v.safeParse(CustomTaskSchema, value);
          if (parsed.success) custom.push(parsed.output);
          else unread.tasks.push(key.slice(OWN.length));
        }
      }
      return { custom, folder, unread };
    },
    addCustom: (tasks) => guarded(() => store()('readwrite', (inStore) => addNew(inStore, tasks))),
    removeCustom: (name) => guarded(() => del(customKey(name), store())),
    setFolder: (folder) =>
      guarded(() => (folder === null ? del(FOLDER_KEY, store()) : set(FOLDER_KEY, folder, store()))),
  };
}

/** Adds tasks in one transaction, so that no other tab comes in between. */
function addNew(inStore: IDBObjectStore, tasks: readonly CustomTask[]): Promise<void> {
  const { transaction } = inStore;
  let taken: string | undefined;
  for (const task of tasks) {
    const { name } = task.spec;
    const found: IDBRequest<unknown> = inStore.get(customKey(name));
    found.onsuccess = () => {
      if (found.result === undefined) {
        inStore.put(task, customKey(name));
        return;
      }
      const there = v.safeParse(CustomTaskSchema, found.result); // one that cannot be read stays, too
      const spec = JSON.stringify(v.parse(CustomTaskSchema.entries.spec, task.spec));
      if (there.success && JSON.stringify(there.output.spec) === spec) return;
      taken = name;
      transaction.abort();
    };
  }
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () =>
      reject(taken === undefined ? (transaction.error ?? new Error('aborted')) : nameTaken(taken));
  });
}

const nameTaken = (name: string): GorpError =>
  new GorpError(
    'tasks/name-taken',
    `There is another task named ${name} in this browser already, perhaps from another tab or another version of this page.`,
    'Give this one another name, or delete the other first.',
  );

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof GorpError) throw cause;
    const full = cause instanceof Error && cause.name === 'QuotaExceededError';
    throw new GorpError(
      full ? 'store/quota' : 'store/failed',
      full ? 'The browser has no room for these tasks.' : 'The browser does not let this page store tasks.',
      full
        ? 'Delete tasks or models that you do not need, or use fewer rows, and try again.'
        : 'Reload the page and allow it to store data (a private window may not).',
      { cause },
    );
  }
}
