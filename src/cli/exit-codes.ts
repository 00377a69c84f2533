import type { ErrorCode } from '../base/errors.ts';

/** Exit codes, by kind of cause. */
export const EXIT = {
  ok: 0,
  /** The command line is not understood. */
  usage: 2,
  /** A named model, task, setting, file or folder is not usable. */
  input: 3,
  /** No GPU, or it failed. */
  device: 4,
  /** A bug in gorp-web (EX_SOFTWARE of BSD). */
  internal: 70,
  /** Ended by Ctrl-C or SIGTERM; results so far are saved. */
  interrupted: 130,
} as const;

/** The exit code for the cause of an error. */
export function exitCodeOf(code: ErrorCode): number {
  if (code === 'run/stopped') return EXIT.interrupted;
  switch (code.split('/')[0]) {
    case 'device':
    case 'gpu':
      return EXIT.device;
    case 'graph':
    case 'worker':
    case 'internal':
      return EXIT.internal;
    default:
      return EXIT.input;
  }
}

/** A command line that is not understood; its message is printed with what lists the options. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
