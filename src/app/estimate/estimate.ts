import { LONG_RUN, roughly, secondsFor, tasksAhead, workOfRun } from '../../run/planning/duration.ts';
import { testedTasks } from '../../run/settings/settings.ts';
import { draftIssues } from '../setup/validate.ts';
import { sizesOf, taskCard } from '../tasks/sources.ts';
import type { PageState } from '../store.ts';
import type { Pace } from './pace.ts';

/** How long a run with the page's settings would take. */
export interface Estimate {
  /** From the work and the measured speed of the device alone. */
  readonly plainSeconds: number;
  /** The same, corrected by earlier runs. */
  readonly seconds: number;
  /** Whether a run of this model has already finished on this device. */
  readonly isRefined: boolean;
  readonly device: string;
  readonly kind: 'webgpu' | 'wasm';
}

type Known = Pick<PageState, 'draft' | 'taskData' | 'memoryPlan' | 'deviceFound' | 'resumePoint'>;

/** Null until everything it depends on is known, and for a run that resumes, whose remaining work is unknown. */
export function estimateOf(
  { draft, taskData, memoryPlan, deviceFound, resumePoint }: Known,
  pace: Pace,
): Estimate | null {
  if (memoryPlan.status !== 'planned' || deviceFound.status !== 'known' || resumePoint !== null) return null;
  const { outlook, speed } = deviceFound;
  if (speed === null || draftIssues(draft, taskData).size > 0) return null;
  const labels = testedTasks(draft).map((name) => taskCard(name, taskData).labels);
  const tasks = tasksAhead(draft, sizesOf(taskData), labels);
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

/** `About 40 s on this CPU.`, with advice to shorten a long run. */
export function estimateText({ seconds, kind }: Estimate): string {
  const where = kind === 'wasm' ? 'this CPU' : 'this GPU';
  const text = `A${roughly(seconds).slice(1)} on ${where}`;
  return seconds < LONG_RUN ? `${text}.` : `${text}: choose fewer examples or a smaller model.`;
}
