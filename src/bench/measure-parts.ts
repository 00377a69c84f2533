import { reportOf } from '../base/errors.ts';
import type { Bench } from './bench.ts';
import type { Part } from './benchmark-parts.ts';
import { failedPart, type Outcome } from './report.ts';

/** How long a measurement may take. */
export interface Limit {
  /** The clock's time after which no part starts, in milliseconds. */
  readonly end: number;
  /**
   * Whether a part in progress then counts as not run. It continues in the background, until its process or worker
   * ends.
   */
  readonly cutsOff: boolean;
}

/** Hears of each part. */
export interface Listener {
  /** A part starts. */
  readonly begun?: (name: string) => void;
  readonly ended: (outcome: Outcome) => void | Promise<void>;
}

export const TIME_OVER = 'the time was over';
export const CUT_OFF = 'it had not ended when the time was over';

/** Measures parts one after another. A part that fails does not end the others: each opens its own device. */
export async function measureParts(
  parts: readonly Part[],
  bench: Bench,
  { end, cutsOff }: Limit,
  { begun, ended }: Listener,
): Promise<void> {
  const { clock } = bench;
  for (const part of parts) {
    const reason = part.omitted ?? (clock.now() >= end ? TIME_OVER : undefined);
    if (reason !== undefined) {
      await ended({ name: part.name, status: 'not run', reason });
      continue;
    }
    begun?.(part.name);
    const outcome = outcomeOf(part, bench);
    const cut = cutsOff ? later(end - clock.now()) : undefined;
    try {
      await ended(await (cut ? Promise.race([outcome, cut.passed.then(() => cutOff(part))]) : outcome));
    } finally {
      cut?.cancel();
    }
  }
}

const cutOff = ({ name }: Part): Outcome => ({ name, status: 'not run', reason: CUT_OFF });

async function outcomeOf({ name, run }: Part, bench: Bench): Promise<Outcome> {
  const start = bench.clock.now();
  try {
    const report = await run(bench);
    if (report === undefined) return { name, status: 'not run', reason: 'it is not installed' };
    return { name, status: 'measured', seconds: (bench.clock.now() - start) / 1e3, ...report };
  } catch (thrown) {
    return failedPart(name, reportOf(thrown));
  }
}

/** Resolves after some milliseconds, unless cancelled. */
function later(ms: number): { passed: Promise<void>; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  return { passed, cancel: () => clearTimeout(timer) };
}
