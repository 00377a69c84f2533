import * as v from 'valibot';
import { ErrorReportSchema } from '../../base/error-report.ts';
import { RunSettingsSchema } from '../../run/settings.ts';

/** A run of the queue. */
export const QueuedRunSchema = v.strictObject({
  id: v.string(),
  settings: RunSettingsSchema,
  status: v.picklist(['waiting', 'running', 'finished', 'stopped', 'failed']),
  /** Seconds that it was thought to take when it was queued; null where nobody could tell. */
  estimate: v.nullable(v.number()),
  /** Seconds that it took. */
  seconds: v.nullable(v.number()),
  /** Key of its results in this browser; null before its end, and where it has none. */
  run: v.nullable(v.string()),
  /** Why it failed. */
  error: v.nullable(ErrorReportSchema),
});
export type QueuedRun = v.InferOutput<typeof QueuedRunSchema>;

/** What is kept of the queue in this browser. */
export const KeptQueueSchema = v.strictObject({ isGoing: v.boolean(), runs: v.array(QueuedRunSchema) });
export type KeptQueue = v.InferOutput<typeof KeptQueueSchema>;

/** Runs that are started one after another. */
export interface QueueState extends KeptQueue {
  /** Whether this tab works on it; another tab of this browser may. */
  readonly isMine: boolean;
}

export const EMPTY_QUEUE: QueueState = { isGoing: false, runs: [], isMine: false };

/** Most runs of a queue, those that have ended included. */
export const MOST_QUEUED = 200;

export const isWaiting = ({ status }: QueuedRun): boolean => status === 'waiting';
export const hasEnded = ({ status }: QueuedRun): boolean => status !== 'waiting' && status !== 'running';

/** Waiting runs with the one of an id moved by a number of places among them; ended and running ones stay where they are. */
export function movedRun(runs: readonly QueuedRun[], id: string, by: number): QueuedRun[] {
  const waiting = runs.filter(isWaiting);
  const from = waiting.findIndex((run) => run.id === id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= waiting.length) return runs.slice();
  waiting.splice(to, 0, ...waiting.splice(from, 1));
  return [...runs.filter((run) => !isWaiting(run)), ...waiting];
}

/**
 * A queue as a page finds it that has just been loaded: what was running was broken off, and is the next to be started.
 *
 * @param json what was kept; anything that is none counts as an empty queue, a run that cannot be read is left out.
 */
export function foundQueue(json: unknown): KeptQueue {
  const outer = v.safeParse(v.object({ isGoing: v.boolean(), runs: v.array(v.unknown()) }), json);
  if (!outer.success) return { isGoing: false, runs: [] };
  const runs = outer.output.runs.flatMap((run) => {
    const parsed = v.safeParse(QueuedRunSchema, run);
    return parsed.success ? [parsed.output] : [];
  });
  const again = runs
    .filter(({ status }) => status === 'running')
    .map((run) => ({ ...run, status: 'waiting' as const }));
  const others = runs.filter(({ status }) => status !== 'running');
  return { isGoing: outer.output.isGoing, runs: [...others.filter(hasEnded), ...again, ...others.filter(isWaiting)] };
}
