import { GorpError } from '../base/errors.ts';
import { makeCustomTask } from '../tasks/custom-task.ts';
import { previewOf } from '../tasks/preview.ts';
import { checkFileSize, readTableFile, type TableFile, tableOf } from '../tasks/table.ts';
import { makeOrderTasks, type MadeTask } from './order-file.ts';
import type { CustomTask, NamedFile, TablesAnswer, TablesCommand } from './table-messages.ts';

/** The work of the table worker: it holds the open file, so that the page need not. */
export function createTableWork(): (command: TablesCommand) => Promise<TablesAnswer> {
  let open: TableFile | null = null;
  const opened = (): TableFile => {
    if (open === null) throw new GorpError('tasks/no-file', 'No file is open.', 'Choose the file again.');
    return open;
  };
  return async (command) => {
    switch (command.type) {
      case 'open': {
        const { name, bytes } = await readBytes(command.file);
        const file = await readTableFile(name, bytes);
        // Reports a file that cannot be a table at once, not in the form for its columns.
        const preview = previewOf(file, true, null);
        open = file;
        return { type: 'opened', file: { name, sha256: file.sha256, namesColumns: file.columns !== null, preview } };
      }
      case 'preview':
        return { type: 'previewed', preview: previewOf(opened(), command.header, command.columns) };
      case 'make': {
        const { spec } = command;
        return { type: 'made', tasks: [customTask({ spec, ...makeCustomTask(tableOf(opened(), spec.header), spec) })] };
      }
      case 'make-order': {
        const files = await Promise.all(command.files.map(readBytes));
        const made = await makeOrderTasks(command.order, command.kept, files);
        return { type: 'made', tasks: made.map(customTask) };
      }
    }
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
