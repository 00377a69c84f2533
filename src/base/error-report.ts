import * as v from 'valibot';

/** Which part of the program an error comes from: the part of every code before the slash. */
type Area =
  | 'device'
  | 'gpu'
  | 'graph'
  | 'model'
  | 'weights'
  | 'store'
  | 'text'
  | 'tasks'
  | 'settings'
  | 'run'
  | 'worker'
  | 'internal';

/** A stable name for a cause, for help texts, tests and exit codes: `gpu/no-adapter`. */
export type ErrorCode = `${Area}/${string}`;

const isErrorCode = (text: string): text is ErrorCode => /^[a-z]+\/[a-z0-9-]+$/.test(text);

/** An error as plain data, to send from a worker to the page or to write to a results file. */
export const ErrorReportSchema = v.strictObject({
  code: v.custom<ErrorCode>((input) => typeof input === 'string' && isErrorCode(input)),
  message: v.string(),
  nextStep: v.string(),
});
export type ErrorReport = v.InferOutput<typeof ErrorReportSchema>;
