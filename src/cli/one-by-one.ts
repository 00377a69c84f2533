import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from './exit-codes.ts';

/** Said of a run that another process is making. */
export const ELSEWHERE = 'elsewhere';

/** How long runs of other processes are left alone before they are looked at again. */
const WAIT_MS = 1000;

/**
 * Makes runs one after another. Those that another process is making come again after all others, until they have been
 * made: that process may be dead already, on a machine where nobody can look, and its lock outlive it.
 *
 * @param make one run; `isAgain` where it has been made elsewhere before. @returns its exit code, or {@link ELSEWHERE}.
 * @returns the exit code: 0, or that of the first run that failed. One that is interrupted is the last.
 */
export async function oneByOne<R>(
  runs: readonly R[],
  make: (run: R, isAgain: boolean) => Promise<number | typeof ELSEWHERE>,
): Promise<number> {
  let exit: number = EXIT.ok;
  let [left, isAgain] = [runs, false];
  while (left.length > 0) {
    if (isAgain) await sleep(WAIT_MS);
    const waiting: R[] = [];
    for (const run of left) {
      const code = await make(run, isAgain);
      if (code === ELSEWHERE) waiting.push(run);
      else if (code === EXIT.interrupted) return code;
      else if (exit === EXIT.ok) exit = code;
    }
    [left, isAgain] = [waiting, true];
  }
  return exit;
}
