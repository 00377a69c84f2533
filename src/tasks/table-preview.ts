import * as v from 'valibot';
import { ErrorReportSchema } from '../base/error-report.ts';

/** The columns that hold text and label. */
export interface ChosenColumns {
  textColumn: string;
  labelColumn: string;
}

/** The part of a file shown while its columns are chosen, small even if the file is large. */
export const TablePreviewSchema = v.strictObject({
  textColumn: v.string(),
  labelColumn: v.string(),
  columns: v.array(v.string()),
  /** The beginnings of the cells of the first rows. */
  rows: v.array(v.array(v.string())),
  /** The content of these columns; null if they do not make a task. */
  found: v.nullable(
    v.strictObject({ examples: v.number(), labels: v.array(v.strictObject({ label: v.string(), rows: v.number() })) }),
  ),
  /** Why they do not make a task. */
  problem: v.nullable(ErrorReportSchema),
  /** What was left out and what to check, in sentences. */
  warnings: v.array(v.string()),
});
export type TablePreview = v.InferOutput<typeof TablePreviewSchema>;
