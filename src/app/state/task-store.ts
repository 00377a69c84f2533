import { createStore, del, entries, set, type UseStore } from 'idb-keyval';
import * as v from 'valibot';
import { type ErrorReport, GorpError } from '../../base/errors.ts';
import { namedTasks, ownText, type RunSettings, testedTasks } from '../../run/settings/settings.ts';
import { type CustomTask, CustomTaskSchema, type OpenedFile } from '../../run/tasks/table-messages.ts';
import { BENCHMARK_NAMES, benchmarkOf, BENCHMARKS } from '../../tasks/benchmarks.ts';
import {
  EMBEDDED_TASKS,
  EMBEDDED_TEXTS,
  isEmbedded,
  isEmbeddedText,
  type TaskCard,
} from '../../tasks/embedded-tasks.ts';
import { KINDS } from '../../tasks/kinds.ts';
import { BENCHMARK_KINDS } from '../../tasks/orders.ts';
import type { PageTasks } from '../../worker/protocol.ts';

const PickedFolderSchema = v.strictObject({
  name: v.string(),
  /** Files by path below the folder that holds CL_Benchmark and configs. */
  files: v.map(v.string(), v.instance(Blob)),
  /** Datasets with no file missing. */
  datasets: v.array(v.string()),
});
/** The CL_Benchmark folder that was chosen or dropped. */
export type PickedBenchmarks = v.InferOutput<typeof PickedFolderSchema>;

/** The page's tasks besides the embedded ones. */
export interface UserTasks {
  custom: readonly CustomTask[];
  folder: PickedBenchmarks | null;
  /** Tasks that another version of the page has stored, and this one cannot read: they stay until the person deletes it. */
  unread: { tasks: readonly string[]; folder: boolean };
}

export const NO_TASKS: UserTasks = { custom: [], folder: null, unread: { tasks: [], folder: false } };

/** Custom tasks, the CL_Benchmark folder, and the file of examples that is open. */
export interface TasksSlice {
  readonly userTasks: UserTasks;
  /** The file of examples whose columns are being chosen. */
  readonly openFile: OpenedFile | null;
  /** Why the last action on tasks failed; and notes from a successful one. */
  readonly taskProblem: ErrorReport | null;
  readonly taskNotes: readonly string[];
}

export const tasksSlice: TasksSlice = { userTasks: NO_TASKS, openFile: null, taskProblem: null, taskNotes: [] };

/** Stores tasks across reloads. Promises reject if the browser refuses to store. */
export interface TaskStore {
  load(): Promise<UserTasks>;
  /** Adds all tasks or none. @throws GorpError `tasks/name-taken` if another stored task has the name of one. */
  addCustom(tasks: readonly CustomTask[]): Promise<void>;
  removeCustom(name: string): Promise<void>;
  setFolder(folder: PickedBenchmarks | null): Promise<void>;
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
      let folder: PickedBenchmarks | null = null;
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

/** Tasks that can be added to an order, from one source. */
interface TaskGroup {
  title: string;
  names: readonly string[];
}

/**
 * Returns the tasks that can be added to a draft, to be learned or only tested. Datasets of benchmarks need a folder or
 * an address.
 */
export function addableTasks(
  draft: Pick<RunSettings, 'order' | 'watch' | 'tasks'>,
  data: UserTasks,
  use: 'learn' | 'watch' = 'learn',
): TaskGroup[] {
  const chosen = testedTasks(draft);
  const groups: TaskGroup[] = [
    { title: 'Custom', names: data.custom.map(({ spec }) => spec.name) },
    { title: 'What the embedded models can do', names: use === 'watch' ? Object.keys(EMBEDDED_TEXTS) : [] },
    { title: 'Embedded', names: EMBEDDED_TASKS.map(({ name }) => name) },
    ...BENCHMARKS.map(({ name, datasets }) => ({
      title: name,
      names: datasetsOf(draft.tasks, data).filter((one) => datasets.includes(one) && !isCustom(one, data)),
    })),
  ];
  return groups
    .map(({ title, names }) => ({ title, names: names.filter((name) => !chosen.includes(name)) }))
    .filter(({ names }) => names.length > 0);
}

/** The choices for the general text of a draft, by its setting: the included text, or a custom task that is not learned. */
export function generalTexts(
  { order, training }: Pick<RunSettings, 'order' | 'training'>,
  { custom }: UserTasks,
): { value: string; name: string }[] {
  const own = custom.filter(({ spec }) => !order.includes(spec.name)).map(({ spec }) => spec.name);
  return [
    { value: 'included', name: 'the included text' },
    ...own.map((name) => ({ value: `own:${name}`, name })),
  ].filter(({ value }) => value !== training.generalText);
}

/** The datasets of a source, as far as they are known before it is read. */
function datasetsOf(tasks: string, { folder }: UserTasks): readonly string[] {
  if (tasks === 'picked') return folder?.datasets ?? [];
  return tasks === 'embedded' ? [] : BENCHMARKS.flatMap(({ datasets }) => datasets);
}

const isCustom = (name: string, { custom }: UserTasks): boolean => custom.some(({ spec }) => spec.name === name);

/** A task's question, and its labels if they are known before it is read. */
export function taskCard(name: string, { custom }: UserTasks): TaskCard {
  const benchmark = benchmarkOf(name);
  const embedded = EMBEDDED_TASKS.find((task) => task.name === name);
  if (embedded !== undefined) return embedded;
  const task = custom.find(({ spec }) => spec.name === name);
  if (task === undefined && benchmark !== undefined) {
    return { name, question: KINDS[BENCHMARK_KINDS[name] ?? ''] ?? `A task of ${benchmark.name}.`, labels: [] };
  }
  return { name, question: task?.spec.instruction ?? 'A custom task.', labels: task?.labels ?? [] };
}

/** Why an order cannot run with the tasks at hand, in words; null if it can. */
export function orderProblem(
  draft: Pick<RunSettings, 'order' | 'watch' | 'tasks' | 'training'>,
  data: UserTasks,
): string | null {
  const { tasks } = draft;
  const text = ownText(draft);
  if (text !== null && !isCustom(text, data))
    return `The general text ${text} is missing: add the file again, or leave it out.`;
  const order = testedTasks(draft);
  const untrained = draft.order.find(isEmbeddedText);
  if (untrained !== undefined) return `${untrained} can only be tested.`;
  const published = order.filter((name) => benchmarkOf(name) !== undefined && !isCustom(name, data));
  const unknown = order.filter((name) => !isEmbedded(name) && !published.includes(name) && !isCustom(name, data));
  if (unknown.length > 0) return `${listed(unknown)} missing: add the file again, or remove the task.`;
  const [first] = published;
  if (first === undefined) return null;
  if (tasks === 'embedded') {
    return `Choose the folder of ${benchmarkOf(first)?.name ?? BENCHMARK_NAMES} below, or enter its address.`;
  }
  const missing = published.filter((name) => !datasetsOf(tasks, data).includes(name));
  return missing.length === 0 ? null : `${listed(missing)} not in the chosen folder.`;
}

const listed = (names: readonly string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ' and others' : ''} ${names.length === 1 ? 'is' : 'are'}`;

/** The examples of the custom tasks, by name. */
export const sizesOf = ({ custom }: UserTasks): ReadonlyMap<string, { train: number; test: number }> =>
  new Map(custom.map(({ spec, trainExamples: train, testExamples: test }) => [spec.name, { train, test }]));

/** The custom tasks that a run with these settings needs. */
export function pageTasksOf(settings: RunSettings, { custom, folder }: UserTasks): PageTasks {
  const { tasks } = settings;
  const needed = custom.filter(({ spec }) => namedTasks(settings).includes(spec.name));
  return {
    folder: tasks === 'picked' && folder !== null ? folder.files : new Map(),
    custom: new Map(needed.map(({ spec, data }) => [spec.name, data])),
  };
}
