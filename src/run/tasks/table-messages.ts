import * as v from 'valibot';
import { type TaskSpec, TaskSpecSchema } from '../../tasks/custom-task.ts';
import type { Columns } from '../../tasks/forms.ts';
import type { TablePreview } from '../../tasks/table-preview.ts';
import type { HubAccess } from '../../weights/hub.ts';
import type { HubDataset, SplitChoice } from '../../weights/hub-dataset.ts';
import type { OrderFile } from '../settings/order-file.ts';

/** A file and its name; a Blob is passed on, not copied. */
export interface NamedFile {
  name: string;
  file: Blob;
}

/** A task that the user made from a file, as the page stores it. */
export const CustomTaskSchema = v.strictObject({
  spec: TaskSpecSchema,
  labels: v.array(v.string()),
  trainExamples: v.number(),
  testExamples: v.number(),
  /** Warnings, as sentences. */
  warnings: v.array(v.string()),
  /** The task with its texts, as JSON. */
  data: v.instance(Blob),
});
export type CustomTask = v.InferOutput<typeof CustomTaskSchema>;

/** The file of examples for which columns are chosen. */
export interface OpenedFile {
  name: string;
  /** SHA-256 of its bytes, in hexadecimal. */
  sha256: string;
  /** Whether its format names the columns, so that the first row is data. */
  namesColumns: boolean;
  /** With the first row as names, and the likely columns. */
  preview: TablePreview;
}

/** The functions of the worker that reads files of examples. */
export type TablesFunctions = {
  /** Opens a file, and frees the one before. */
  open: (file: NamedFile) => Promise<OpenedFile>;
  /** Opens a folder of texts as one file with a row for each, and frees the file before. */
  openFolder: (folder: { name: string; files: NamedFile[] }) => Promise<OpenedFile>;
  /** Lists the splits of a data set on the hub. */
  listHub: (asked: { name: string; access: HubAccess }) => Promise<HubDataset>;
  /** Opens rows of a data set on the hub, and frees the file before. */
  openHub: (asked: {
    dataset: HubDataset;
    choice: SplitChoice;
    rows: number;
    access: HubAccess;
  }) => Promise<OpenedFile>;
  /** Previews the open file with other columns; null guesses them. */
  preview: (chosen: { header: boolean; columns: Columns | null }) => TablePreview | Promise<TablePreview>;
  /** Makes a task from the open file. */
  make: (spec: TaskSpec) => CustomTask[] | Promise<CustomTask[]>;
  /** Makes the tasks that an order describes and this browser does not store. */
  makeOrder: (from: {
    order: OrderFile;
    stored: TaskSpec[];
    files: NamedFile[];
    access: HubAccess;
  }) => Promise<CustomTask[]>;
};
