import { GorpError } from '../../base/errors.ts';
import { isOrderFile, orderFileOf, parseOrderFile } from '../../run/settings/order-file.ts';
import { ownText, type RunSettings, testedTasks, watching, withText } from '../../run/settings/settings.ts';
import type { NamedFile, OpenedFile, TablesFunctions } from '../../run/tasks/table-messages.ts';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import { decodeText } from '../../tasks/csv.ts';
import { findBenchmarks, hasBenchmark } from '../../tasks/benchmarks.ts';
import type { Columns } from '../../tasks/forms.ts';
import type { TablePreview } from '../../tasks/table-preview.ts';
import { isTextFile } from '../../tasks/table.ts';
import { type HubDataset, type SplitChoice, USUAL_ROWS } from '../../weights/hub-dataset.ts';
import type { RunSlice } from './run-state.ts';
import type { SetUpSlice } from './set-up-form.ts';
import { showingProblem, type StoreOf } from './slice.ts';
import type { TasksSlice, TaskStore } from './task-store.ts';
import { connectWorker, type WorkerClient } from './session.ts';

/** The worker that reads files of examples and makes tasks from them; it starts with the first call. */
export type TablesWorker = WorkerClient<TablesFunctions>;

/** The worker in the browser. */
export const openTablesWorker = (): TablesWorker =>
  connectWorker(
    () => new Worker(new URL('../../worker/tables.ts', import.meta.url), { type: 'module', name: 'tables' }),
    {
      name: 'The worker that reads files',
      nextStep: 'Reload the page. If it happens again, use a smaller file.',
    },
  );

/** A chosen or dropped file. Its path has forward slashes and begins with the chosen folder. */
export interface GivenFile {
  path: string;
  file: File;
}

/** Actions on tasks. A failure sets `taskProblem` and changes nothing else. */
export interface TaskActions {
  /** Reads what earlier visits stored. */
  load(): Promise<void>;
  /** Takes a folder of published benchmarks, a folder of texts, an order file with its data files, or a file of examples. */
  give(files: readonly GivenFile[]): Promise<void>;
  /** The splits of a data set on the hub; null after a failure. */
  listHub(name: string): Promise<HubDataset | null>;
  /** Opens the first rows of a split. */
  openHub(dataset: HubDataset, choice: SplitChoice): Promise<void>;
  /** Previews the open file with other columns; null guesses them. Rejects with a GorpError. */
  preview(header: boolean, columns: Columns | null): Promise<TablePreview>;
  /** Makes a task from the open file and appends it to the order. */
  addTask(spec: TaskSpec): Promise<void>;
  closeFile(): void;
  removeTask(name: string): Promise<void>;
  forgetFolder(): Promise<void>;
  /** The draft's order as the text of a file. */
  orderText(): string;
}

export function createTaskActions(
  store: StoreOf<TasksSlice & SetUpSlice & RunSlice>,
  tasks: TaskStore,
  { call, close }: TablesWorker,
): TaskActions {
  const { getState, setState } = store;

  const refresh = async (): Promise<void> => setState({ userTasks: await tasks.load() });

  const guarded = (work: () => Promise<void>): Promise<void> => {
    setState({ taskNotes: [] });
    return showingProblem((taskProblem) => setState({ taskProblem }), work);
  };

  const takeFolder = async (files: readonly GivenFile[]): Promise<void> => {
    const byPath = new Map(files.map(({ path, file }) => [path, file]));
    const found = findBenchmarks([...byPath.keys()]);
    const stored = new Map<string, Blob>();
    for (const [path, given] of found.files) {
      const file = byPath.get(given);
      if (file !== undefined) stored.set(path, file);
    }
    await tasks.setFolder({ name: files[0]?.path.split('/')[0] ?? '', files: stored, datasets: found.datasets });
    await refresh();
    const { incomplete } = found;
    setState(({ draft }) => ({
      draft: { ...draft, tasks: 'picked' },
      taskNotes: incomplete.length > 0 ? [`Left out because files are missing: ${incomplete.join(', ')}.`] : [],
    }));
  };

  /** Opens a folder of texts; paths count from that folder. */
  const takeTexts = async (files: readonly GivenFile[]): Promise<void> => {
    const name = files[0]?.path.split('/')[0] ?? '';
    const below = files.map(({ path, file }) => ({ name: path.slice(path.indexOf('/') + 1), file }));
    await opening(() => call('openFolder', { name, files: below }));
  };

  /** Shows an opened file; frees what the worker holds of one that cannot be used. */
  const opening = async (open: () => Promise<OpenedFile>): Promise<void> => {
    try {
      setState({ openFile: await open() });
    } catch (thrown) {
      close();
      setState({ openFile: null }); // one that was opened meanwhile
      throw thrown;
    }
  };

  /** The worker holds one file at a time. */
  const refuseWhileOpen = (): void => {
    const { openFile } = getState();
    if (openFile === null) return;
    throw new GorpError(
      'tasks/file-open',
      `A task is being made from ${openFile.name}.`,
      'Add that task or cancel it, then drop the files again.',
    );
  };

  const takeOrder = async (name: string, text: string, files: readonly GivenFile[]): Promise<void> => {
    const order = parseOrderFile(text, name);
    const stored = getState().userTasks.custom.map(({ spec }) => spec);
    const { hub } = getState().access;
    const asked = { order, stored, files: files.map(namedFile), access: hub };
    const made = await call('makeOrder', asked).finally(close);
    await tasks.addCustom(made);
    await refresh();
    const { perTask, watch, method, training } = order;
    setState(({ draft: { model }, userTasks }) => {
      // An order made with a folder on disk uses the folder stored here; an order with an address keeps the address.
      const source = order.tasks === 'embedded' && userTasks.folder !== null ? 'picked' : order.tasks;
      const draft = { model, tasks: source, order: order.order, method, training };
      return {
        draft: { ...draft, ...(watch !== undefined && { watch }), ...(perTask !== undefined && { perTask }) },
        modelDefaults: null,
        refused: null,
        taskNotes: made.flatMap(({ warnings }) => warnings),
      };
    });
  };

  const give = async (files: readonly GivenFile[]): Promise<void> => {
    if (files.length === 0) return;
    refuseWhileOpen();
    if (files.some(({ path }) => path.includes('/'))) {
      const texts = files.filter(({ path }) => isTextFile(path));
      const isBenchmark = hasBenchmark(files.map(({ path }) => path));
      if (isBenchmark || texts.length === 0) await takeFolder(files);
      else await takeTexts(texts);
      return;
    }
    for (const given of files) {
      if (!/\.json$/i.test(given.path)) continue;
      const text = await orderText(given);
      if (text === null) continue;
      await takeOrder(
        given.path,
        text,
        files.filter((other) => other !== given),
      );
      return;
    }
    const [first, second] = files;
    if (first === undefined || second !== undefined) {
      throw new GorpError(
        'tasks/several-files',
        `${files.length} files were given at once, and none is an order file.`,
        'Add files of examples one at a time.',
      );
    }
    await opening(() => call('open', namedFile(first)));
  };

  return {
    load: () => guarded(refresh),
    give: (files) => guarded(() => give(files)),
    listHub: async (name) => {
      let found: HubDataset | null = null;
      await guarded(async () => void (found = await call('listHub', { name, access: getState().access.hub })));
      return found;
    },
    openHub: (dataset, choice) => {
      const asked = { dataset, choice, rows: USUAL_ROWS, access: getState().access.hub };
      return guarded(() => opening(() => call('openHub', asked)));
    },
    preview: (header, columns) => call('preview', { header, columns }),
    addTask: (spec) =>
      guarded(async () => {
        const made = await call('make', spec);
        // If another tab has added a task of that name, show it, and leave the file open for another name.
        await tasks.addCustom(made).catch(async (thrown: unknown) => {
          await refresh();
          throw thrown;
        });
        close();
        await refresh();
        setState(({ draft }) => ({
          // An order may have named it before: a task that was missing.
          draft: testedTasks(draft).includes(spec.name) ? draft : { ...draft, order: [...draft.order, spec.name] },
          openFile: null,
          taskNotes: made.flatMap(({ warnings }) => warnings),
        }));
      }),
    closeFile: () => {
      close();
      setState({ openFile: null, taskProblem: null });
    },
    removeTask: (name) =>
      guarded(async () => {
        await tasks.removeCustom(name);
        await refresh();
        setState(({ draft }) => ({
          draft: watching(
            { ...withoutText(draft, name), order: draft.order.filter((other) => other !== name) },
            (draft.watch ?? []).filter((other) => other !== name),
          ),
        }));
      }),
    forgetFolder: () =>
      guarded(async () => {
        await tasks.setFolder(null);
        await refresh();
        setState(({ draft }) => (draft.tasks === 'picked' ? { draft: { ...draft, tasks: 'embedded' } } : {}));
      }),
    orderText: () => {
      const { draft, userTasks } = getState();
      const known = userTasks.custom.map(({ spec }) => spec);
      return `${JSON.stringify(orderFileOf(draft, known), null, 2)}\n`;
    },
  };
}

/** A draft whose general text is the included one again if it was this task. */
const withoutText = (draft: RunSettings, task: string): RunSettings =>
  ownText(draft) === task ? withText(draft, 'included') : draft;

const namedFile = ({ path, file }: GivenFile): NamedFile => ({ name: path, file });

// An order file holds no texts, so a larger file holds examples.
const LONGEST_ORDER_FILE = 2 ** 20;

/** The text of an order file; null for any other file. */
async function orderText({ path, file }: GivenFile): Promise<string | null> {
  if (file.size > LONGEST_ORDER_FILE) return null;
  const { text } = decodeText(new Uint8Array(await file.arrayBuffer()), path);
  return isOrderFile(text) ? text : null;
}
