import * as v from 'valibot';
import { ErrorReportSchema } from '../base/error-report.ts';
import { type TaskSpec, TaskSpecSchema } from '../tasks/custom-task.ts';
import type { Columns } from '../tasks/forms.ts';
import { TablePreviewSchema } from '../tasks/table-preview.ts';
import type { OrderFile } from './order-file.ts';

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
const OpenedFileSchema = v.strictObject({
  name: v.string(),
  /** SHA-256 of its bytes, in hexadecimal. */
  sha256: v.string(),
  /** Whether its format names the columns, so that the first row is data. */
  namesColumns: v.boolean(),
  /** With the first row as names, and the likely columns. */
  preview: TablePreviewSchema,
});
export type OpenedFile = v.InferOutput<typeof OpenedFileSchema>;

/** Commands to the worker that reads files of examples. Each has one answer, in order. */
export type TablesCommand =
  | { type: 'open'; file: NamedFile }
  /** If `columns` is null, takes the likely ones. */
  | { type: 'preview'; header: boolean; columns: Columns | null }
  | { type: 'make'; spec: TaskSpec }
  | { type: 'make-order'; order: OrderFile; kept: TaskSpec[]; files: NamedFile[] };

/** Answers of that worker. */
export const TablesAnswerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('opened'), file: OpenedFileSchema }),
  v.strictObject({ type: v.literal('previewed'), preview: TablePreviewSchema }),
  v.strictObject({ type: v.literal('made'), tasks: v.array(CustomTaskSchema) }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type TablesAnswer = v.InferOutput<typeof TablesAnswerSchema>;
