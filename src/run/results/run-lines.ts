import * as v from 'valibot';
import { ErrorReportSchema, GorpError } from '../../base/errors.ts';
import { goneSetting } from '../../methods/parts/gone-settings.ts';
import { ResultsSchema } from './results.ts';

/** A line of a part's file: a run by its name in the part, with its results or the error that its settings cause. */
const LineSchema = v.union([
  v.strictObject({ run: v.string(), results: ResultsSchema }),
  v.strictObject({ run: v.string(), error: ErrorReportSchema }),
]);
export type RunLine = v.InferOutput<typeof LineSchema>;

/** A run as a line of its part's file, with the line feed. */
export const lineOf = (line: RunLine): string => `${JSON.stringify(line)}\n`;

/**
 * Reads a line of a part's file, without its line feed.
 *
 * @param where the file and the number of the line, for the message.
 * @throws GorpError `run/bad-results`; `settings/gone`.
 */
export function parseLine(text: string, where: string): RunLine {
  let problem: string;
  let gone: GorpError | null = null;
  try {
    const json: unknown = JSON.parse(text);
    // A union reports no field, so the outcome that is there is checked alone.
    const isFailure = typeof json === 'object' && json !== null && 'error' in json;
    const parsed = v.safeParse(LineSchema.options[isFailure ? 1 : 0], json, { abortEarly: true });
    if (parsed.success) return parsed.output;
    gone = goneSetting(parsed.issues, where);
    problem = `${v.getDotPath(parsed.issues[0]) ?? 'its content'}: ${parsed.issues[0].message}`;
  } catch (cause) {
    problem = cause instanceof Error ? cause.message : String(cause);
  }
  if (gone) throw gone;
  throw new GorpError(
    'run/bad-results',
    `${where} is not a run of a study: ${problem}.`,
    'Restore the file from a copy, or delete that line to repeat its run.',
  );
}
