import { GorpError } from '../base/errors.ts';
import { makeCustomTask } from '../tasks/custom-task.ts';
import { previewOf } from '../tasks/preview.ts';
import { checkFileSize, readTableFile, type TableFile, tableOf } from '../tasks/table.ts';
import { makeOrderTasks, type MadeTask } from './order-file.ts';
import type { CustomTask, NamedFile, TablesFunctions } from './table-messages.ts';

/** The functions of the table worker: it holds the open file, so that the page need not. */
export function createTableWork(): TablesFunctions {
  let open: TableFile | null = null;
  const opened = (): TableFile => {
    if (open === null) throw new GorpError('tasks/no-file', 'No file is open.', 'Choose the file again.');
    return open;
  };
  return {
    open: async (chosen) => {
      const { name, bytes } = await readBytes(chosen);
      const file = await readTableFile(name, bytes);
      // Reports a file that cannot be a table at once, not in the form for its columns.
      const preview = previewOf(file, true, null);
      open = file;
      return { name, sha256: file.sha256, namesColumns: file.columns !== null, preview };
    },
    preview: ({ header, columns }) => previewOf(opened(), header, columns),
    make: (spec) => [customTask({ spec, ...makeCustomTask(tableOf(opened(), spec.header), spec) })],
    makeOrder: async ({ order, kept, files }) =>
      (await makeOrderTasks(order, kept, await Promise.all(files.map(readBytes)))).map(customTask),
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
