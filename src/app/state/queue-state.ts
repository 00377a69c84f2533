import * as v from 'valibot';
import { ErrorReportSchema } from '../../base/error-report.ts';
import { RunSettingsSchema } from '../../run/settings/settings.ts';

/** A run of the queue. */
const QueuedRunSchema = v.strictObject({
  id: v.string(),
  settings: RunSettingsSchema,
  status: v.picklist(['waiting', 'running', 'finished', 'stopped', 'failed']),
  /** Seconds estimated when it was queued; null if unknown. */
  estimate: v.nullable(v.number()),
  /** Seconds that it took. */
  seconds: v.nullable(v.number()),
  /** Key of its results in this browser; null before it ends, or if it has none. */
  run: v.nullable(v.string()),
  /** Key of the run that it is compared with, if it was queued for that. */
  comparedWith: v.exactOptional(v.string()),
  /** Why it failed. */
  error: v.nullable(ErrorReportSchema),
});
export type QueuedRun = v.InferOutput<typeof QueuedRunSchema>;

/** The queue as stored in this browser. */
export interface StoredQueue {
  readonly isGoing: boolean;
  readonly runs: readonly QueuedRun[];
  /** Runs that another version of the page has queued, and this one cannot read. They do not run, and stay stored. */
  readonly unread: readonly unknown[];
}

/** Runs that start one after another. */
export interface QueueState extends StoredQueue {
  /** Whether this tab runs the queue; another tab of this browser may. */
  readonly isMine: boolean;
  /** Whether the browser has stored the queue; if not, it lasts until the page closes. */
  readonly isStored: boolean;
}

export const EMPTY_QUEUE: QueueState = { isGoing: false, runs: [], unread: [], isMine: false, isStored: true };

/** Maximum number of runs in a queue, including ended ones. */
export const MOST_QUEUED = 200;

export const isWaiting = ({ status }: QueuedRun): boolean => status === 'waiting';
export const hasEnded = ({ status }: QueuedRun): boolean => status !== 'waiting' && status !== 'running';

/** The keys of the finished runs, each after the run that it is compared with, if that is stored. */
export function comparedKeys(runs: readonly QueuedRun[], stored: readonly string[]): string[] {
  const finished = runs.filter(({ status, run }) => status === 'finished' && run !== null);
  const keys = finished.flatMap(({ run, comparedWith }) => [comparedWith, run]);
  return [...new Set(keys.filter((key) => typeof key === 'string' && stored.includes(key)))] as string[];
}

/** Moves the waiting run `id` by some places among the waiting runs. All other runs come first, in their order. */
export function movedRun(runs: readonly QueuedRun[], id: string, by: number): QueuedRun[] {
  const waiting = runs.filter(isWaiting);
  const from = waiting.findIndex((run) => run.id === id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= waiting.length) return runs.slice();
  waiting.splice(to, 0, ...waiting.splice(from, 1));
  return [...runs.filter((run) => !isWaiting(run)), ...waiting];
}

/** The queue as JSON: what this version cannot read comes last, as it was found. */
export const queueJson = ({ isGoing, runs, unread }: StoredQueue): unknown => ({ isGoing, runs: [...runs, ...unread] });

/**
 * Restores the queue after a page load: a run that was running was interrupted, and starts next.
 *
 * @param json the stored queue, as {@link queueJson} writes it. An invalid one counts as empty.
 */
export function foundQueue(json: unknown): StoredQueue {
  const outer = v.safeParse(v.object({ isGoing: v.boolean(), runs: v.array(v.unknown()) }), json);
  if (!outer.success) return { isGoing: false, runs: [], unread: [] };
  const runs: QueuedRun[] = [];
  const unread: unknown[] = [];
  for (const run of outer.output.runs) {
    const parsed = v.safeParse(QueuedRunSchema, run);
    if (parsed.success) runs.push(parsed.output);
    else unread.push(run);
  }
  const again = runs
    .filter(({ status }) => status === 'running')
    .map((run) => ({ ...run, status: 'waiting' as const }));
  const others = runs.filter(({ status }) => status !== 'running');
  const inOrder = [...others.filter(hasEnded), ...again, ...others.filter(isWaiting)];
  return { isGoing: outer.output.isGoing, runs: inOrder, unread };
}
