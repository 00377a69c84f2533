import * as v from 'valibot';
import { ErrorReportSchema } from '../base/error-report.ts';
import { type TaskSpec, TaskSpecSchema } from '../tasks/custom-task.ts';
import { type ChosenColumns, TablePreviewSchema } from '../tasks/table-preview.ts';
import type { OrderFile } from './order-file.ts';

/** A file and its name; a Blob is passed on, not copied. */
export interface NamedFile {
  name: string;
  file: Blob;
}

/** A task that the user made from a file, as the page keeps it. */
export const CustomTaskSchema = v.strictObject({
  spec: TaskSpecSchema,
  labels: v.array(v.string()),
  trainExamples: v.number(),
  testExamples: v.number(),
  /** What to look at, in sentences. */
  warnings: v.array(v.string()),
  /** The task with its texts, as JSON. */
  data: v.instance(Blob),
});
export type CustomTask = v.InferOutput<typeof CustomTaskSchema>;

/** The file of examples whose columns are being chosen. */
const OpenedFileSchema = v.strictObject({
  name: v.string(),
  /** Of its bytes, in hexadecimal digits. */
  sha256: v.string(),
  /** Whether its format names the columns, so that the first row does not. */
  namesColumns: v.boolean(),
  /** With the first row as names, and the columns that are likely to be meant. */
  preview: TablePreviewSchema,
});
export type OpenedFile = v.InferOutput<typeof OpenedFileSchema>;

/** What the page may ask of the worker that reads files of examples. Each command has one answer, in their order. */
export type TablesCommand =
  | { type: 'open'; file: NamedFile }
  /** `columns` null: those that are likely to be meant. */
  | { type: 'preview'; header: boolean; columns: ChosenColumns | null }
  | { type: 'make'; spec: TaskSpec }
  | { type: 'make-order'; order: OrderFile; kept: TaskSpec[]; files: NamedFile[] };

/** What that worker answers. */
export const TablesAnswerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('opened'), file: OpenedFileSchema }),
  v.strictObject({ type: v.literal('previewed'), preview: TablePreviewSchema }),
  v.strictObject({ type: v.literal('made'), tasks: v.array(CustomTaskSchema) }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type TablesAnswer = v.InferOutput<typeof TablesAnswerSchema>;
