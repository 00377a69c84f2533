import { type ErrorReport, GorpError } from '../base/errors.ts';
import { makeCustomTask, type TaskSpec } from '../tasks/custom-task.ts';
import { type ChosenColumns, type TablePreview, previewOf } from '../tasks/preview.ts';
import { checkFileSize, readTableFile, type TableFile, tableOf } from '../tasks/table.ts';
import { makeOrderTasks, type MadeTask, type OrderFile } from './order-file.ts';

/** A file and its name; a Blob is passed on, not copied. */
export interface NamedFile {
  name: string;
  file: Blob;
}

/** A task made from a file, as the page keeps it: its texts are in a Blob, as JSON. */
export interface KeptTask {
  spec: TaskSpec;
  labels: string[];
  trainExamples: number;
  testExamples: number;
  /** What to look at, in sentences. */
  warnings: string[];
  data: Blob;
}

/** The file of examples whose columns are being chosen. */
export interface OpenedFile {
  name: string;
  /** Of its bytes, in hexadecimal digits. */
  sha256: string;
  /** Whether its format names the columns, so that the first row does not. */
  namesColumns: boolean;
  /** With the first row as names, and the columns that are likely to be meant. */
  preview: TablePreview;
}

/** What the page may ask of the worker that reads files of examples. Each command has one answer, in their order. */
export type TablesCommand =
  | { type: 'open'; file: NamedFile }
  /** `columns` null: those that are likely to be meant. */
  | { type: 'preview'; header: boolean; columns: ChosenColumns | null }
  | { type: 'make'; spec: TaskSpec }
  | { type: 'make-order'; order: OrderFile; kept: TaskSpec[]; files: NamedFile[] };

/** What that worker answers. */
export type TablesAnswer =
  | { type: 'opened'; file: OpenedFile }
  | { type: 'previewed'; preview: TablePreview }
  | { type: 'made'; tasks: KeptTask[] }
  | { type: 'failed'; error: ErrorReport };

/** What the worker of tables does: it holds the file that is open, so that the page need not. */
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
        // A file that can be no table is told at once, not in the form for its columns.
        const preview = previewOf(file, true, null);
        open = file;
        return { type: 'opened', file: { name, sha256: file.sha256, namesColumns: file.columns !== null, preview } };
      }
      case 'preview':
        return { type: 'previewed', preview: previewOf(opened(), command.header, command.columns) };
      case 'make': {
        const { spec } = command;
        return { type: 'made', tasks: [keptTask({ spec, ...makeCustomTask(tableOf(opened(), spec.header), spec) })] };
      }
      case 'make-order': {
        const files = await Promise.all(command.files.map(readBytes));
        const made = await makeOrderTasks(command.order, command.kept, files);
        return { type: 'made', tasks: made.map(keptTask) };
      }
    }
  };
}

async function readBytes({ name, file }: NamedFile): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
  checkFileSize(name, file.size);
  return { name, bytes: new Uint8Array(await file.arrayBuffer()) };
}

const keptTask = ({ spec, task, warnings }: MadeTask): KeptTask => ({
  spec,
  labels: task.labels.slice(),
  trainExamples: task.train.length,
  testExamples: task.test.length,
  warnings,
  data: new Blob([JSON.stringify(task)]),
});
