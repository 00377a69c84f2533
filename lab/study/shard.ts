import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, UsageError } from '../../src/cli/exit.ts';

/** Which part of a list of runs this process does: those at `index`, `index + count`, …; index from 0. */
export interface Shard {
  index: number;
  count: number;
}

/**
 * `--shard I/N`, or what the scheduler sets: a task of a Slurm array (`SLURM_ARRAY_TASK_ID`, `…_MIN`, `…_STEP`,
 * `…_COUNT`), a pod of a Kubernetes indexed job (`JOB_COMPLETION_INDEX`, and `JOB_COMPLETION_COUNT`, which the manifest
 * has to set). By default the whole list.
 *
 * @throws UsageError when the part is not one of N, or a scheduler sets an index without a count.
 */
export function readShard(option: string | undefined, env: NodeJS.ProcessEnv): Shard {
  if (option !== undefined) {
    const parts = /^(\d+)\/(\d+)$/.exec(option);
    if (parts === null) throw new UsageError(`--shard takes I/N with I from 0 to N − 1, not ${option}.`);
    return checked(Number(parts[1]), Number(parts[2]), '--shard');
  }
  const {
    SLURM_ARRAY_TASK_ID: task,
    SLURM_ARRAY_TASK_MIN: first = '0',
    SLURM_ARRAY_TASK_STEP: step = '1',
    SLURM_ARRAY_TASK_COUNT: tasks,
    JOB_COMPLETION_INDEX: pod,
    JOB_COMPLETION_COUNT: pods,
  } = env;
  if (task !== undefined && tasks !== undefined)
    return checked((Number(task) - Number(first)) / Number(step), Number(tasks), 'Slurm');
  if (pod === undefined) return { index: 0, count: 1 };
  if (pods === undefined) {
    throw new UsageError(
      'JOB_COMPLETION_INDEX is set, but not JOB_COMPLETION_COUNT: set it in the manifest, or give --shard.',
    );
  }
  return checked(Number(pod), Number(pods), 'Kubernetes');
}

function checked(index: number, count: number, source: string): Shard {
  if (Number.isInteger(index) && Number.isInteger(count) && index >= 0 && index < count) return { index, count };
  throw new UsageError(`${source}: there is no part ${index} of ${count}; parts count from 0.`);
}

/** The part of a list. */
export const partOf = <T>(list: readonly T[], { index, count }: Shard): T[] =>
  list.filter((_, i) => i % count === index);

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
