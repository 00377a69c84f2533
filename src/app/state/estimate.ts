import { limitsOf, LONG_RUN, roughly, secondsFor, tasksAhead, workOfRun } from '../../run/planning/duration.ts';
import { countedIn } from '../../run/planning/text-lengths.ts';
import { testedTasks } from '../../run/settings/settings.ts';
import { ownSeconds, type Results } from '../../run/results/results.ts';
import type { DeviceSlice } from './device.ts';
import type { MemorySlice } from './memory-plan.ts';
import type { SetUpSlice } from './set-up-form.ts';
import { jsonOf, readItem, writeItem } from './stored-items.ts';
import { sizesOf, taskCard, type TasksSlice } from './task-store.ts';
import { lastCount, type TextsSlice } from './text-questions.ts';
import { draftIssues } from './validate.ts';

/** The ratio of actual to estimated time by device and model, which corrects the next estimate. */
export interface TimeCorrections {
  /** Null if no run has finished yet. */
  factor(device: string, model: string): number | null;
  note(device: string, model: string, factor: number): void;
}

const KEY = 'gorp-web-pace';
/** Maximum number of pairs of device and model stored; the oldest are dropped first. */
const MOST = 40;
/** Factors outside [LEAST, 1 / LEAST] are ignored: the computer slept, or its clock was set. */
const LEAST = 1 / 50;

const pairOf = (device: string, model: string): string => `${device} | ${model}`;

/** A pace stored in localStorage, if available. */
export function browserTimeCorrections(): TimeCorrections {
  const read = (): [string, number][] => {
    const stored = jsonOf(readItem(KEY));
    if (!Array.isArray(stored)) return [];
    return stored.filter(
      (one): one is [string, number] =>
        Array.isArray(one) && typeof one[0] === 'string' && typeof one[1] === 'number' && isLikely(one[1]),
    );
  };
  return {
    factor: (device, model) => read().find(([pair]) => pair === pairOf(device, model))?.[1] ?? null,
    note: (device, model, factor) => {
      if (!isLikely(factor)) return;
      const pair = pairOf(device, model);
      const stored = [...read().filter(([other]) => other !== pair), [pair, factor]].slice(-MOST);
      writeItem(KEY, JSON.stringify(stored));
    },
  };
}

/**
 * The seconds of a run as a multiple of those planned; null if it did less than was planned, since a loss on held-out
 * examples ended it, or repeated some of it.
 */
export function paceOf(results: Results, plannedSeconds: number): number | null {
  const { status, endedByLoss = [], breaks = [] } = results;
  const didAll = status === 'finished' && endedByLoss.every(({ steps, planned }) => steps === planned);
  return didAll && breaks.length === 0 ? ownSeconds(results) / plannedSeconds : null;
}

const isLikely = (factor: number): boolean => factor >= LEAST && factor <= 1 / LEAST;

/** How long a run with the page's settings would take. */
export interface Estimate {
  /** From the work and the measured speed of the device alone. */
  readonly plainSeconds: number;
  /** Seconds as corrected by earlier runs. */
  readonly seconds: number;
  /** Whether a run of this model has already finished on this device. */
  readonly isRefined: boolean;
  readonly device: string;
  readonly kind: 'webgpu' | 'wasm';
}

type Known = Pick<
  SetUpSlice & TasksSlice & MemorySlice & TextsSlice & DeviceSlice,
  'draft' | 'userTasks' | 'memoryPlan' | 'lengths' | 'deviceFound'
>;

/** Null until everything it depends on is known. Of a model that is taught more, only the new tasks count. */
export function estimateOf(
  { draft, userTasks, memoryPlan, lengths, deviceFound }: Known,
  pace: TimeCorrections,
): Estimate | null {
  if (memoryPlan.status !== 'planned' || deviceFound.status !== 'known') return null;
  if (lengths.status === 'counting' && lengths.last === null) return null;
  const { outlook, speed } = deviceFound;
  if (speed === null || draftIssues(draft, userTasks).size > 0) return null;
  const labels = testedTasks(draft).map((name) => taskCard(name, userTasks).labels);
  const tasks = tasksAhead(draft, sizesOf(userTasks), labels, countedIn(lastCount(lengths)));
  if (tasks === null) return null;
  const plainSeconds = secondsFor(workOfRun(draft, tasks, memoryPlan.effort), speed);
  const factor = pace.factor(outlook.name, draft.model);
  return {
    plainSeconds,
    seconds: plainSeconds * (factor ?? 1),
    isRefined: factor !== null,
    device: outlook.name,
    kind: outlook.kind,
  };
}

/** `About 40 s on this CPU.`, or `20 to 50 s` while no run has finished here, with advice to shorten a long run. */
export function estimateText({ seconds, isRefined, kind }: Estimate): string {
  const where = kind === 'wasm' ? 'this CPU' : 'this GPU';
  const time = roughly(seconds, limitsOf(seconds, isRefined));
  const text = `${time[0].toUpperCase()}${time.slice(1)} on ${where}`;
  return seconds < LONG_RUN ? `${text}.` : `${text}: choose fewer examples or a smaller model.`;
}
