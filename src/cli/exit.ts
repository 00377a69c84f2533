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

/**
 * Ends the process once all its output has gone out: a pipe takes 64 KiB at a time, and the rest would be lost. The
 * exit must be explicit, since Dawn keeps the process alive.
 */
export async function exitWhenWritten(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((done) => stream.write('', () => done()));
  process.exit(code);
}

/**
 * Keeps the process running when its output is closed, as after `gorp-web data FILE | head`, so that its work is not
 * lost. Any other error of its output still ends it.
 */
export function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}
