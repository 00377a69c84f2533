import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from './exit-codes.ts';

/** Returned for a run that another process has taken. */
export const ELSEWHERE = 'elsewhere';

/** How long to wait before retrying the runs of other processes. */
const WAIT_MS = 1000;

/**
 * Executes runs one after another. A run that another process has taken is retried after all others until its results
 * exist, since that process may have died on another machine and left its lock behind.
 *
 * @param make executes one run; `isAgain` for a retry. @returns its exit code, or {@link ELSEWHERE}.
 * @returns the exit code: 0, or that of the first run that failed. An interrupted run is the last.
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
