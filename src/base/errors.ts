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
  | 'plugin'
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

/** Letters of a message: it may name what a stranger's file holds, such as a tensor with a name of 90 MB. */
const MOST_LETTERS = 4000;

const shortened = (text: string): string => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text);

/** An error a person can act on: what happened in words, and what to do next. */
export class GorpError extends Error {
  override readonly name = 'GorpError';

  /**
   * @param code stable name of the cause.
   * @param message what happened, one sentence, with the names and numbers that matter.
   * @param nextStep what the person can do now, one sentence.
   */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly nextStep: string,
    options?: ErrorOptions,
  ) {
    super(shortened(message), options);
  }
}

/** The next step of errors that only a bug can cause (`internal/…`). */
export const REPORT_BUG = 'This is a bug in gorp-web. Please report it with the steps that led here.';

/** Describes an error in two sentences: what happened and what to do. */
export const explained = ({ message, nextStep }: Pick<ErrorReport, 'message' | 'nextStep'>): string =>
  `${message} ${nextStep}`;

/** Code, cause and next step of an error, as a terminal shows them. */
export const explainedWithCode = (error: ErrorReport): string => `${error.code}: ${explained(error)}`;

/** A report as an error again. */
export const errorOf = ({ code, message, nextStep }: ErrorReport): GorpError => new GorpError(code, message, nextStep);

/** Any thrown value as a report; anything but a {@link GorpError} becomes `internal/unexpected`. */
export function reportOf(thrown: unknown): ErrorReport {
  if (thrown instanceof GorpError) {
    return { code: thrown.code, message: thrown.message, nextStep: thrown.nextStep };
  }
  return {
    code: 'internal/unexpected',
    message: shortened(thrown instanceof Error ? thrown.message : String(thrown)),
    nextStep: REPORT_BUG,
  };
}
