import type { OrderFile } from '../../run/settings/order-file.ts';
import type { CustomTask, NamedFile, OpenedFile, TablesFunctions } from '../../run/tasks/table-messages.ts';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import type { HubAccess } from '../../weights/hub.ts';
import type { HubDataset, SplitChoice } from '../../weights/hub-dataset.ts';
import type { Columns } from '../../tasks/forms.ts';
import type { TablePreview } from '../../tasks/table-preview.ts';
import { connectWorker, type WorkerClient } from '../worker-client.ts';

/** Reads files of examples and makes tasks from them in a worker. Promises reject with a GorpError. */
export interface TableClient {
  open(file: NamedFile): Promise<OpenedFile>;
  /** Opens a folder of texts. */
  openFolder(name: string, files: NamedFile[]): Promise<OpenedFile>;
  /** Lists the splits of a data set on the hub. */
  listHub(name: string, access: HubAccess): Promise<HubDataset>;
  /** Opens rows of a data set on the hub. */
  openHub(dataset: HubDataset, choice: SplitChoice, rows: number, access: HubAccess): Promise<OpenedFile>;
  /** Previews the open file with other columns; null guesses them. */
  preview(header: boolean, columns: Columns | null): Promise<TablePreview>;
  /** Makes a task from the open file. */
  make(spec: TaskSpec): Promise<CustomTask[]>;
  /** Makes the tasks that an order describes and this browser does not store. */
  makeOrder(order: OrderFile, stored: TaskSpec[], files: NamedFile[], access: HubAccess): Promise<CustomTask[]>;
  /** Frees the open file. */
  close(): void;
}

/** The worker that reads files. */
export type TablesWorker = WorkerClient<TablesFunctions>;

/** A client whose worker starts with the first call. */
export const createTableClient = ({ call, close }: TablesWorker): TableClient => ({
  open: (file) => call('open', file),
  openFolder: (name, files) => call('openFolder', { name, files }),
  listHub: (name, access) => call('listHub', { name, access }),
  openHub: (dataset, choice, rows, access) => call('openHub', { dataset, choice, rows, access }),
  preview: (header, columns) => call('preview', { header, columns }),
  make: (spec) => call('make', spec),
  makeOrder: (order, stored, files, access) => call('makeOrder', { order, stored, files, access }),
  close,
});

/** The worker in the browser. */
export const openTablesWorker = (): TablesWorker =>
  connectWorker(
    () => new Worker(new URL('../../worker/tables.ts', import.meta.url), { type: 'module', name: 'tables' }),
    {
      name: 'The worker that reads files',
      nextStep: 'Reload the page. If it happens again, use a smaller file.',
    },
  );
