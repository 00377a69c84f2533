/** Which part of the program an error comes from; the part before the slash of every code. */
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

/** An error as plain data, to cross from a worker to the page or into a results file. */
export interface ErrorReport {
  code: ErrorCode;
  message: string;
  nextStep: string;
}

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
    super(message, options);
  }
}

/** Any thrown value as a report; what is not a {@link GorpError} becomes `internal/unexpected`. */
export function reportOf(thrown: unknown): ErrorReport {
  if (thrown instanceof GorpError) {
    return { code: thrown.code, message: thrown.message, nextStep: thrown.nextStep };
  }
  return {
    code: 'internal/unexpected',
    message: thrown instanceof Error ? thrown.message : String(thrown),
    nextStep: 'This is a fault of gorp-web. Please report it with the steps that led here.',
  };
}
