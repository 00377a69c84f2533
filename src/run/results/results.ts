import * as v from 'valibot';
import { ErrorReportSchema, GorpError } from '../../base/errors.ts';
import { goneSetting } from '../../methods/parts/gone-settings.ts';
import { confusionFault } from './answers.ts';
import { measuresFault } from './measures.ts';
import { FieldsSchema, type Results } from './results-fields.ts';
import { sizeFault } from '../settings/results-bounds.ts';

export * from './results-fields.ts';

/** @param faultOf says in words what is wrong with results; null if nothing is. */
const agrees = (
  faultOf: (results: Results) => string | null,
): v.CheckAction<Results, (issue: v.CheckIssue<Results>) => string> =>
  v.check(
    (results) => faultOf(results) === null,
    ({ input }) => faultOf(input) ?? '',
  );

/** The results file: its fields, which agree with each other. */
export const ResultsSchema = v.pipe(FieldsSchema, agrees(sizeFault), agrees(measuresFault), agrees(confusionFault));

/** A person's name for a run, and notes on it; both may be empty. */
export interface RunLabel {
  readonly name: string;
  readonly notes: string;
}

export const labelOf = ({ name = '', notes = '' }: { name?: string; notes?: string }): RunLabel => ({ name, notes });

/** The label as results and summaries store it: empty parts are missing. */
export const storedLabel = ({ name, notes }: RunLabel): { name?: string; notes?: string } => ({
  ...(name !== '' && { name }),
  ...(notes !== '' && { notes }),
});

/** Results with a label in place of theirs. */
export function withLabel(results: Results, label: RunLabel): Results {
  const others = { ...results };
  delete others.name;
  delete others.notes;
  return { ...others, ...storedLabel(label) };
}

/** A line of a part's file: a run by its name in the part, with its results or the error that its settings cause. */
const LineSchema = v.union([
  v.strictObject({ run: v.string(), results: ResultsSchema }),
  v.strictObject({ run: v.string(), error: ErrorReportSchema }),
]);
export type RunLine = v.InferOutput<typeof LineSchema>;

/** A run as a line of its part's file, with the line feed. */
export const lineOf = (line: RunLine): string => `${JSON.stringify(line)}\n`;

/** The lines of a part's file, without their line feeds. */
export function linesIn(text: string): string[] {
  const lines = text.split('\n');
  // After the last line feed is nothing, a line that lacks only its line feed, or what a crash left of one.
  try {
    JSON.parse(lines.at(-1) ?? '');
  } catch {
    lines.pop();
  }
  return lines;
}

/** Reads the lines of a part's file. @param name of the file, for messages. @throws GorpError as {@link parseLine}. */
export const parseLines = (text: string, name: string): RunLine[] =>
  linesIn(text).map((line, i) => parseLine(line, `${name}, line ${i + 1}`));

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
