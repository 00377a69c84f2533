import { groupedBy } from '../../src/base/statistics.ts';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU milliseconds that a process and its living descendants have used; null where the system does not report them
 * (only Linux does).
 */
export function treeCpuMs(root: number): number | null {
  if (process.platform !== 'linux') return null;
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const children = groupedBy(processes, parentOf);
  let nanoseconds = 0;
  const waiting = [root];
  for (let process = waiting.pop(); process !== undefined; process = waiting.pop()) {
    nanoseconds += nanosecondsOf(process);
    waiting.push(...(children.get(process) ?? []).map(Number));
  }
  return nanoseconds / 1e6;
}

/** Processes and threads come and go while they are read. */
function unlessGone<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** From `/proc/PID/stat`: the name, in brackets, may contain anything; the state and the parent follow it. */
function parentOf(process: string): number | undefined {
  const stat = unlessGone(() => readFileSync(`/proc/${process}/stat`, 'utf8'), '');
  const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return parent === undefined ? undefined : Number(parent);
}

/** The first field of every thread's `schedstat` is the time it has run. */
function nanosecondsOf(process: number): number {
  const threads = unlessGone(() => readdirSync(`/proc/${process}/task`), []);
  const times = threads.map((thread) =>
    unlessGone(() => Number(readFileSync(`/proc/${process}/task/${thread}/schedstat`, 'utf8').split(' ')[0]), 0),
  );
  return times.reduce((a, b) => a + b, 0);
}
