import * as v from 'valibot';
import { ErrorReportSchema } from '../base/error-report.ts';
import { TASK_FORMS } from './forms.ts';
import { FRAMES } from './frames.ts';

/** The part of a file shown while its columns are chosen, small even if the file is large. */
export const TablePreviewSchema = v.strictObject({
  /** The known layout that its columns have; null if they have none. */
  format: v.nullable(v.string()),
  form: v.picklist(TASK_FORMS),
  textColumn: v.string(),
  inputColumn: v.nullable(v.string()),
  labelColumn: v.string(),
  frame: v.picklist(FRAMES),
  /** The task's description in the file, for its question; null if it has none. */
  instruction: v.nullable(v.string()),
  columns: v.array(v.string()),
  /** The beginnings of the cells of the first rows. */
  rows: v.array(v.array(v.string())),
  /** The content of these columns; null if they do not make a task. */
  found: v.nullable(
    v.strictObject({
      examples: v.number(),
      /** None if answers are free. */
      labels: v.array(v.strictObject({ label: v.string(), rows: v.number() })),
      /** The longest answer, in characters. */
      longest: v.number(),
      /** The beginnings of the first examples: what comes before the answer, and the answer. */
      samples: v.array(v.strictObject({ text: v.string(), answer: v.string() })),
    }),
  ),
  /** Why they do not make a task. */
  problem: v.nullable(ErrorReportSchema),
  /** What was left out and what to check, in sentences. */
  warnings: v.array(v.string()),
});
export type TablePreview = v.InferOutput<typeof TablePreviewSchema>;
