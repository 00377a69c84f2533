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
