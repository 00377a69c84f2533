import { GorpError } from '../../base/errors.ts';
import { makeCustomTask } from '../../tasks/custom-task.ts';
import { previewOf } from '../../tasks/preview.ts';
import {
  checkFileSize,
  readParquetFiles,
  readTableFile,
  readTextFolder,
  type TableFile,
  tableOf,
} from '../../tasks/table.ts';
import {
  chosenSplit,
  type HubDataset,
  type HubSource,
  hubSourceText,
  listDataset,
  sourceHash,
  type SplitChoice,
  splitFiles,
} from '../../weights/hub-dataset.ts';
import type { HubAccess } from '../../weights/hub.ts';
import { type MadeTask, makeOrderTasks } from '../settings/order-file.ts';
import type { CustomTask, NamedFile, OpenedFile, TablesFunctions } from './table-messages.ts';

/**
 * Reads the first rows of a split of a data set on the hub, by range.
 *
 * @throws GorpError `weights/…`, `tasks/choose-split`, and as `readParquetFiles`.
 */
export async function readHubRows(
  dataset: HubDataset,
  choice: SplitChoice,
  rows: number,
  access: HubAccess,
): Promise<TableFile> {
  const split = chosenSplit(dataset, choice);
  const { id, commit } = dataset;
  const source = { id, commit, config: split.config, split: split.split, rows };
  const name = hubSourceText(source);
  return readParquetFiles(splitFiles(dataset, split, access), { name, sha256: await sourceHash(source) }, rows);
}

/** Reads the rows of a data set on the hub that a task names. @throws GorpError as {@link readHubRows}. */
export async function readHubSource({ id, commit, rows, ...choice }: HubSource, access: HubAccess): Promise<TableFile> {
  return readHubRows(await listDataset(id, access, { commit }), choice, rows, access);
}

/** The functions of the table worker: it holds the open file, so that the page need not. */
export function createTableWork(): TablesFunctions {
  let open: TableFile | null = null;
  const opened = (): TableFile => {
    if (open === null) throw new GorpError('tasks/no-file', 'No file is open.', 'Choose the file again.');
    return open;
  };
  const shown = (file: TableFile): OpenedFile => {
    // Reports a file that cannot be a table at once, not in the form for its columns.
    const preview = previewOf(file, true, null);
    open = file;
    return { name: file.name, sha256: file.sha256, namesColumns: file.columns !== null, preview };
  };
  return {
    open: async (chosen) => {
      const { name, bytes } = await readBytes(chosen);
      return shown(await readTableFile(name, bytes));
    },
    openFolder: async ({ name, files }) => {
      checkFileSize(
        name,
        files.reduce((sum, { file }) => sum + file.size, 0),
      );
      const read = await Promise.all(files.map(readBytes));
      return shown(
        await readTextFolder(
          name,
          read.map(({ name: path, bytes }) => ({ path, bytes })),
        ),
      );
    },
    listHub: ({ name, access }) => listDataset(name, access),
    openHub: async ({ dataset, choice, rows, access }) => shown(await readHubRows(dataset, choice, rows, access)),
    preview: ({ header, columns }) => previewOf(opened(), header, columns),
    make: (spec) => [customTask({ spec, ...makeCustomTask(tableOf(opened(), spec.header), spec) })],
    makeOrder: async ({ order, stored, files, access }) => {
      const read = await Promise.all(files.map(readBytes));
      return (await makeOrderTasks(order, stored, read, (source) => readHubSource(source, access))).map(customTask);
    },
  };
}

async function readBytes({ name, file }: NamedFile): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
  checkFileSize(name, file.size);
  return { name, bytes: new Uint8Array(await file.arrayBuffer()) };
}

const customTask = ({ spec, task, warnings }: MadeTask): CustomTask => ({
  spec,
  labels: task.labels.slice(),
  trainExamples: task.train.length,
  testExamples: task.test.length,
  warnings,
  data: new Blob([JSON.stringify(task)]),
});
