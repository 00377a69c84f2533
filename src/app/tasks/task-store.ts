import { createStore, del, entries, set, type UseStore } from 'idb-keyval';
import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { type CustomTask, CustomTaskSchema } from '../../run/table-messages.ts';

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
}

export const NO_TASKS: TaskData = { custom: [], folder: null };

/** Stores tasks across reloads. Promises reject if the browser refuses to store. */
export interface TaskStore {
  load(): Promise<TaskData>;
  addCustom(tasks: readonly CustomTask[]): Promise<void>;
  removeCustom(name: string): Promise<void>;
  setFolder(folder: PickedFolder | null): Promise<void>;
}

const FOLDER_KEY = 'folder';
const customKey = (name: string): string => `own/${name}`;

/** A store in IndexedDB. Blobs stay on disk until a run reads them. */
export function browserTasks(): TaskStore {
  // Opened on first use, so that a browser without IndexedDB can still show the page.
  let opened: UseStore | undefined;
  const store = (): UseStore => (opened ??= createStore('gorp-web-tasks', 'tasks'));
  return {
    load: async () => {
      const custom: CustomTask[] = [];
      let folder: PickedFolder | null = null;
      // Entries of older versions that this one cannot read are skipped.
      for (const [key, value] of await guarded(() => entries<string, unknown>(store()))) {
        if (key === FOLDER_KEY) {
          const parsed = v.safeParse(PickedFolderSchema, value);
          if (parsed.success) folder = parsed.output;
        } else {
          const parsed = v.safeParse(CustomTaskSchema, value);
          if (parsed.success) custom.push(parsed.output);
        }
      }
      return { custom, folder };
    },
    addCustom: async (tasks) => {
      const added: string[] = [];
      try {
        for (const task of tasks) {
          await guarded(() => set(customKey(task.spec.name), task, store()));
          added.push(task.spec.name);
        }
      } catch (error) {
        for (const name of added) await del(customKey(name), store());
        throw error;
      }
    },
    removeCustom: (name) => guarded(() => del(customKey(name), store())),
    setFolder: (folder) =>
      guarded(() => (folder === null ? del(FOLDER_KEY, store()) : set(FOLDER_KEY, folder, store()))),
  };
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
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
