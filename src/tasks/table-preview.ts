import * as v from 'valibot';
import { ErrorReportSchema } from '../base/error-report.ts';

/** The columns that hold text and label. */
export interface ChosenColumns {
  textColumn: string;
  labelColumn: string;
}

/** What is shown of a file while its columns are chosen: little, however large the file. */
export const TablePreviewSchema = v.strictObject({
  textColumn: v.string(),
  labelColumn: v.string(),
  columns: v.array(v.string()),
  /** The first rows; of each cell the beginning. */
  rows: v.array(v.array(v.string())),
  /** What these columns hold; null where they make no task. */
  found: v.nullable(
    v.strictObject({ examples: v.number(), labels: v.array(v.strictObject({ label: v.string(), rows: v.number() })) }),
  ),
  /** Why they make none. */
  problem: v.nullable(ErrorReportSchema),
  /** What was left out, and what to look at, in sentences. */
  warnings: v.array(v.string()),
});
export type TablePreview = v.InferOutput<typeof TablePreviewSchema>;
