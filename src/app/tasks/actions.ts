import { GorpError, reportOf } from '../../base/errors.ts';
import { isOrderFile, makeOrderTasks, type MadeTask, orderFileOf, parseOrderFile } from '../../run/order-file.ts';
import { findBenchmark } from '../../tasks/folder.ts';
import { makeOwnTask, type TaskSpec } from '../../tasks/own-task.ts';
import { checkFileSize, readTableFile, tableOf } from '../../tasks/table.ts';
import { decodeText } from '../../tasks/decode.ts';
import type { PageStore } from '../store.ts';
import type { OwnTask, TaskStore } from './task-store.ts';

/** A file that was chosen or dropped; its path has forward slashes and begins with the folder that was chosen. */
export interface GivenFile {
  path: string;
  file: File;
}

/** What a person can do with tasks. Every failure is told by `taskProblem` and leaves all else as it was. */
export interface TaskActions {
  /** Reads what an earlier visit left. */
  load(): Promise<void>;
  /** A CL_Benchmark folder, an order file with its data files, or a file of examples: whichever was given. */
  give(files: readonly GivenFile[] | Promise<readonly GivenFile[]>): Promise<void>;
  /** Makes a task of the file that is open and puts it at the end of the order. */
  addTask(spec: TaskSpec): Promise<void>;
  closeFile(): void;
  removeTask(name: string): Promise<void>;
  forgetFolder(): Promise<void>;
  /** The order of the draft as the text of a file. */
  orderText(): string;
}

export function createTaskActions(store: PageStore, tasks: TaskStore): TaskActions {
  const { getState, setState } = store;

  const refresh = async (): Promise<void> => setState({ taskData: await tasks.load() });

  const guarded = async (work: () => Promise<void>): Promise<void> => {
    setState({ taskProblem: null, taskNotes: [] });
    try {
      await work();
    } catch (error) {
      setState({ taskProblem: reportOf(error) });
    }
  };

  const takeFolder = async (files: readonly GivenFile[]): Promise<void> => {
    const byPath = new Map(files.map(({ path, file }) => [path, file]));
    const found = findBenchmark([...byPath.keys()]);
    const kept = new Map<string, Blob>();
    for (const [path, given] of found.files) {
      const file = byPath.get(given);
      if (file !== undefined) kept.set(path, file);
    }
    await tasks.setFolder({ name: files[0]?.path.split('/')[0] ?? '', files: kept, datasets: found.datasets });
    await refresh();
    const { incomplete } = found;
    setState(({ draft }) => ({
      draft: { ...draft, tasks: 'picked' },
      taskNotes: incomplete.length > 0 ? [`Left out, since files are missing: ${incomplete.join(', ')}.`] : [],
    }));
  };

  const takeOrder = async (name: string, text: string, files: readonly GivenFile[]): Promise<void> => {
    const order = parseOrderFile(text, name);
    const data = await Promise.all(files.map(readBytes));
    const kept = getState().taskData.own.map(({ spec }) => spec);
    const made = await makeOrderTasks(order, kept, data);
    await tasks.addOwn(made.map(keptTask));
    await refresh();
    const { perTask, method, training } = order;
    setState(({ draft: { model }, taskData }) => {
      // An order that was made with a folder on disk takes the one that is here; one by address keeps its address.
      const source = order.tasks === 'embedded' && taskData.folder !== null ? 'picked' : order.tasks;
      const draft = { model, tasks: source, order: order.order, method, training };
      return {
        draft: perTask === undefined ? draft : { ...draft, perTask },
        refused: null,
        taskNotes: made.flatMap(({ warnings }) => warnings),
      };
    });
  };

  const give = async (files: readonly GivenFile[]): Promise<void> => {
    if (files.length === 0) return;
    if (files.some(({ path }) => path.includes('/'))) {
      await takeFolder(files);
      return;
    }
    for (const given of files) {
      if (!/\.json$/i.test(given.path)) continue;
      const { name, bytes } = await readBytes(given);
      const { text } = decodeText(bytes, name);
      if (!isOrderFile(text)) continue;
      await takeOrder(
        name,
        text,
        files.filter((other) => other !== given),
      );
      return;
    }
    const [first, second] = files;
    if (first === undefined || second !== undefined) {
      throw new GorpError(
        'tasks/several-files',
        `${files.length} files were given at once, and none of them is an order file.`,
        'Give files of examples one at a time.',
      );
    }
    const { name, bytes } = await readBytes(first);
    const file = await readTableFile(name, bytes);
    // A file that can be no table is told at once, not in the form for its columns.
    tableOf(file, true);
    setState({ openFile: file });
  };

  return {
    load: () => guarded(refresh),
    give: (files) => guarded(async () => give(await files)),
    addTask: (spec) =>
      guarded(async () => {
        const { openFile } = getState();
        if (openFile === null) return;
        const made = { spec, ...makeOwnTask(tableOf(openFile, spec.header), spec) };
        await tasks.addOwn([keptTask(made)]);
        await refresh();
        setState(({ draft }) => ({
          draft: { ...draft, order: [...draft.order, spec.name] },
          openFile: null,
          taskNotes: made.warnings,
        }));
      }),
    closeFile: () => setState({ openFile: null }),
    removeTask: (name) =>
      guarded(async () => {
        await tasks.removeOwn(name);
        await refresh();
        setState(({ draft }) => ({ draft: { ...draft, order: draft.order.filter((other) => other !== name) } }));
      }),
    forgetFolder: () =>
      guarded(async () => {
        await tasks.setFolder(null);
        await refresh();
        setState(({ draft }) => (draft.tasks === 'picked' ? { draft: { ...draft, tasks: 'embedded' } } : {}));
      }),
    orderText: () => {
      const { draft, taskData } = getState();
      const known = taskData.own.map(({ spec }) => spec);
      return `${JSON.stringify(orderFileOf(draft, known), null, 2)}\n`;
    },
  };
}

async function readBytes({ path, file }: GivenFile): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
  checkFileSize(path, file.size);
  return { name: path, bytes: new Uint8Array(await file.arrayBuffer()) };
}

const keptTask = ({ spec, task, warnings }: MadeTask): OwnTask => ({
  spec,
  labels: task.labels.slice(),
  trainExamples: task.train.length,
  testExamples: task.test.length,
  warnings,
  data: new Blob([JSON.stringify(task)]),
});
